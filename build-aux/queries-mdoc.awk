# queries-mdoc.awk: the heads of the named queries as a list for man/pkgmirror-inspect.1.
#
#     LC_ALL=C awk -f build-aux/queries-mdoc.awk sql/queries/*.sql
#
# The manual has the list between two comments; tests/e2e/test_inspect.py holds them equal.
function text(line) {
	sub(/^[.']/, "\\\\\\&&", line)
	return line
}
FNR == 1 {
	if (open)
		print ".El"
	name = FILENAME
	sub(/.*\//, "", name)
	sub(/\.sql$/, "", name)
	print ".It Ic " name
	open = 0
	mode = "text"
	head = 1
}
!/^--/ { head = 0 }
!head { next }
{ sub(/^-- ?/, "") }
FNR == 1 {
	sub("^" name ": ", "")
	print text(toupper(substr($0, 1, 1)) substr($0, 2))
	next
}
/^Fails: / {
	if (open)
		print ".El"
	open = 0
	print "The exit status is 1 when that is so: it prints\n.Ql " $2 " ."
	next
}
/^Parameters:$/ || /^Columns:$/ {
	if (open)
		print ".El"
	print ".Pp\n" $0 "\n.Bl -tag -compact -width popular_by -offset 2n"
	open = 1
	mode = "list"
	next
}
/^$/ { next }
mode == "list" {
	sub(/^ +/, "")
	word = $1
	sub(/^[^ ]+ +/, "")
	if ($0 ~ /^(number|text|day|path)( |$)/) {
		kind = $1
		sub(/^[a-z]+ */, "")
		standard = ""
		if (/^= /) {
			standard = $2
			sub(/^= [^ ]+ +/, "")
		}
		print ".It Ar " word
		print text($0) " (a " kind (standard == "" ? "; must be given" : standard == "''" ? "" : ", else " standard) ")."
	} else {
		print ".It Li " word
		print text($0) "."
	}
	next
}
{ print text($0) }
END {
	if (open)
		print ".El"
}
