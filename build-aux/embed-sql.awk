# embed-sql.awk: makes C of the schema and of the named statements.
#
#     awk -v out=h -f embed-sql.awk sql/schema.sql sql/statements.sql > sql_statements.h
#     awk -v out=c -f embed-sql.awk sql/schema.sql sql/statements.sql > sql_statements.c
#
# statements.sql and statements_TOPIC.sql hold statements behind lines "-- name: entry_put", which become STATEMENT_ENTRY_PUT and sql_statements[]. Any other file is a
# whole: migrations in the order given. Numbers, not string literals: those have a limit of length. Comments do not come along. Run it with
# LC_ALL=C.
BEGIN {
	for (i = 1; i < 256; i++)
		code[sprintf("%c", i)] = i
	count = migrations = 0
}
function add(line,    i, n) {
	n = length(line)
	for (i = 1; i <= n; i++) {
		body[current] = body[current] (i % 24 == 1 ? "\n\t" : "") code[substr(line, i, 1)] ","
	}
	body[current] = body[current] "10,"
}
FNR == 1 && FILENAME !~ /statements[a-z_]*\.sql$/ {
	current = "migration_" ++migrations
	body[current] = ""
}
FNR == 1 && FILENAME ~ /statements[a-z_]*\.sql$/ { current = "" }
/^-- name: / {
	name[++count] = $3
	current = "statement_" $3
	body[current] = ""
	next
}
/^[ \t]*--/ { next }
current != "" && /[^ \t]/ {
	# A comment behind code: no statement of ours has "--" inside a string.
	sub(/[ \t]+--.*$/, "")
	add($0)
}
END {
	print "/* Made by build-aux/embed-sql.awk. */"
	if (out == "h") {
		print "#ifndef PKGMIRROR_SQL_STATEMENTS_H\n#define PKGMIRROR_SQL_STATEMENTS_H\n\nenum sql_statement {"
		for (i = 1; i <= count; i++)
			print "\tSTATEMENT_" toupper(name[i]) ","
		print "\tSTATEMENTS\n};\n\nenum { SQL_MIGRATIONS = " migrations " };\n"
		print "extern const char *const sql_migrations[SQL_MIGRATIONS];"
		print "extern const char *const sql_statements[STATEMENTS];"
		print "extern const char *const sql_statement_names[STATEMENTS];\n\n#endif"
	} else {
		print "#include \"sql_statements.h\"\n"
		for (b in body)
			print "static const char " b "[] = {" body[b] "0};"
		print "\nconst char *const sql_migrations[SQL_MIGRATIONS] = {"
		for (i = 1; i <= migrations; i++)
			print "\tmigration_" i ","
		print "};\nconst char *const sql_statements[STATEMENTS] = {"
		for (i = 1; i <= count; i++)
			print "\t[STATEMENT_" toupper(name[i]) "] = statement_" name[i] ","
		print "};\nconst char *const sql_statement_names[STATEMENTS] = {"
		for (i = 1; i <= count; i++)
			print "\t[STATEMENT_" toupper(name[i]) "] = \"" name[i] "\","
		print "};"
	}
}
