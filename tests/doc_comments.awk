# The first words of every doc comment of a header say who calls the function: Local, Collective or Logically collective. Prints each
# declaration of which they do not, as FILE: NAME. One comment may stand above several declarations, with no empty line between.
# usage: awk -f doc_comments.awk HEADER...

function flush_file() {
  if (file != "") check(text)
}

FNR == 1 { flush_file(); file = FILENAME; text = "" }
{ text = text $0 "\n" }
END { flush_file() }

function check(s,    paragraphs, n, i) {
  n = split(s, paragraphs, /\n[ \t]*\n/)
  for (i = 1; i <= n; i++) check_paragraph(paragraphs[i] "\n")
}

function check_paragraph(p,    words, lines, n, i, line, depth, in_comment, statement) {
  words = ""
  statement = ""
  depth = 0
  in_comment = 0
  n = split(p, lines, "\n")
  for (i = 1; i <= n; i++) {
    line = lines[i]
    if (!in_comment && line ~ /^[ \t]*\/\*\*/) words = line
    if (line ~ /\/\*/ && line !~ /\*\//) in_comment = 1
    else if (in_comment && line ~ /\*\//) { in_comment = 0; continue }
    if (in_comment || line ~ /^[ \t]*(#|\/\*)/) continue
    if (depth == 0 && line ~ /^(typedef|struct|enum|union|extern|static|\})/) statement = "-"
    if (statement != "-") statement = statement line " "
    depth += gsub(/\{/, "{", line) - gsub(/\}/, "}", line)
    if (depth > 0 || line !~ /;/) continue
    if (statement != "-" && match(statement, /lks_[a-z0-9_]+[ ]*\(/) &&
        words !~ /^[ \t]*\/\*\* *(Local|Collective|Logically collective)[^a-z]/) {
      name = substr(statement, RSTART, RLENGTH - 1)
      print file ": " name
    }
    statement = ""
  }
}
