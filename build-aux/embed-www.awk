# embed-www.awk: makes C arrays of text files.
#
#     awk -f embed-www.awk www/landing.html … > www_files.c
#
# The files become rows of www_files, which cgi/www.h declares. Numbers, not string literals: those have a limit of length. Text only: the last line gets its newline. Run it
# with LC_ALL=C, so that a character is a byte.
BEGIN {
	for (i = 1; i < 256; i++)
		code[sprintf("%c", i)] = i
	print "/* Made by build-aux/embed-www.awk. */"
	print "#include \"cgi/www.h\""
}
function finish() {
	if (name != "")
		print "0};"
}
FNR == 1 {
	finish()
	name = FILENAME
	sub(/^.*\//, "", name)
	files[++count] = name
	gsub(/[^A-Za-z0-9]/, "_", name)
	name = "www_" name
	arrays[count] = name
	printf "\nstatic const char %s[] = {\n", name
}
{
	line = ""
	n = length($0)
	for (i = 1; i <= n; i++) {
		byte = code[substr($0, i, 1)]
		line = line (byte > 127 ? byte - 256 : byte) ","
	}
	print line "10,"
}
END {
	finish()
	print "\nconst struct www_file www_files[] = {"
	for (i = 1; i <= count; i++)
		printf "\t{\"%s\", %s, sizeof %s - 1},\n", files[i], arrays[i], arrays[i]
	printf "};\nconst size_t www_files_count = %d;\n", count
}
