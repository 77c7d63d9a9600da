# embed-www.awk: makes C arrays of text files.
#
#     awk -f embed-www.awk www/landing.html … > www_files.c
#
# A file "landing.html" becomes `const char www_landing_html[]` and `const size_t www_landing_html_len`, declared in
# cgi/www.h. Numbers, not string literals: those have a limit of length. Text only: the last line gets its newline. Run it
# with LC_ALL=C, so that a character is a byte.
BEGIN {
	for (i = 1; i < 256; i++)
		code[sprintf("%c", i)] = i
	print "/* Made by build-aux/embed-www.awk. */"
	print "#include \"cgi/www.h\""
}
function finish() {
	if (name != "")
		printf "0};\nconst size_t %s_len = sizeof %s - 1;\n", name, name
}
FNR == 1 {
	finish()
	name = FILENAME
	sub(/^.*\//, "", name)
	gsub(/[^A-Za-z0-9]/, "_", name)
	name = "www_" name
	printf "\nconst char %s[] = {\n", name
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
END { finish() }
