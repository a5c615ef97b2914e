# Prints the mutants of C files, one a line: FILE, line number, kind and the new line, parted by tabs. For tests/mutate.sh.
#
# It relies on clang-format: a function's body stands between "{" and "}" in the first column, and blanks tell a binary
# operator from any other. Comments, strings, preprocessor lines and the arguments of messages are never changed. A mutant that does
# not compile costs a little time and no more.

BEGIN {
  pair("compare", " < ", " <= "); pair("compare", " <= ", " < "); pair("compare", " > ", " >= ")
  pair("compare", " >= ", " > "); pair("compare", " == ", " != "); pair("compare", " != ", " == ")
  pair("arithmetic", " + ", " - "); pair("arithmetic", " - ", " + "); pair("arithmetic", " * ", " / ")
  pair("arithmetic", " / ", " * "); pair("arithmetic", " % ", " / "); pair("arithmetic", " << ", " >> ")
  pair("arithmetic", " >> ", " << "); pair("arithmetic", " & ", " | "); pair("arithmetic", " | ", " \\& ")
  pair("arithmetic", " += ", " -= "); pair("arithmetic", " -= ", " += "); pair("arithmetic", " |= ", " \\&= ")
  pair("logic", " && ", " || "); pair("logic", " || ", " && "); pair("logic", " ? ", " \\&\\& 0 ? ")
  pair("mpi", "MPI_SUM", "MPI_MAX"); pair("mpi", "MPI_MAX", "MPI_SUM"); pair("mpi", "MPI_MIN", "MPI_MAX"); pair("mpi", "MPI_BOR", "MPI_BAND")
  pair("constant", "true", "false"); pair("constant", "false", "true")
  array = "^ *((static|const|unsigned) )*[a-z_0-9]+ \\**(const )?[a-z_]+(\\[[^]]*\\])+"
  message = "lks_(fail|warn|say|error_print|progress_line|suggest)\\(|snprintf\\("
}

function pair(kind, from, to) {
  gsub(/\\&/, "\\&", to)
  pairs++
  kind_of[pairs] = kind; old_of[pairs] = from; new_of[pairs] = to
}

FNR == 1 { in_comment = in_body = in_macro = open_message = 0; before = ";" }

# The code of a line: strings, characters and comments become blots of the same length.
function blot(line,    out, i, c, quote) {
  out = ""
  quote = ""
  for (i = 1; i <= length(line); i++) {
    c = substr(line, i, 1)
    if (in_comment) {
      if (substr(line, i, 2) == "*/") { in_comment = 0; out = out "~"; i++ }
      out = out "~"
    } else if (quote != "") {
      if (c == "\\") { out = out "~"; i++ } else if (c == quote) quote = ""
      out = out "~"
    } else if (c == "\"" || c == "'") {
      quote = c
      out = out "~"
    } else if (substr(line, i, 2) == "/*") {
      in_comment = 1
      out = out "~~"
      i++
    } else if (substr(line, i, 2) == "//") {
      while (i++ <= length(line)) out = out "~"
    } else out = out c
  }
  return out
}

# Blots the arguments of messages too, which may go over several lines.
function blot_messages(code,    out, c) {
  out = ""
  while (code != "") {
    if (!open_message) {
      if (!match(code, message)) return out code
      out = out substr(code, 1, RSTART + RLENGTH - 1)
      code = substr(code, RSTART + RLENGTH)
      open_message = 1
    } else {
      c = substr(code, 1, 1)
      code = substr(code, 2)
      open_message += (c == "(") - (c == ")")
      out = out (open_message ? "~" : c)
    }
  }
  return out
}

function mutant(kind, line) {
  if (line != $0) print FILENAME "\t" FNR "\t" kind "\t" line
}

function put(kind, at, old_length, new) {
  mutant(kind, substr($0, 1, at - 1) new substr($0, at + old_length))
}

function is_word(c) { return c ~ /[A-Za-z0-9_.]/ }

function operators(code,    p, at, next_at, from) {
  for (p = 1; p <= pairs; p++) {
    from = old_of[p]
    for (at = 0; (next_at = index(substr(code, at + 1), from)) > 0;) {
      at += next_at
      if (from !~ /^ / && (is_word(substr(code, at - 1, 1)) || is_word(substr(code, at + length(from), 1)))) continue
      put(kind_of[p], at, length(from), new_of[p])
      if (from == " < " && code ~ /for \(/) put("bound", at, 3, " + 1 < ")
    }
  }
}

function constants(code,    at, number) {
  if (code !~ /^ *return / && match(code, array)) code = sprintf("%" RLENGTH "s", "") substr(code, RLENGTH + 1)
  for (at = 1; at <= length(code); at++) {
    if (substr(code, at, 1) !~ /[0-9]/ || is_word(substr(code, at - 1, 1))) continue
    match(substr(code, at), /^[0-9]+/)
    number = substr(code, at, RLENGTH)
    if (!is_word(substr(code, at + RLENGTH, 1)) && substr(code, at - 1, 2) != "{0")
      put("constant", at, RLENGTH, number == "1" ? 0 : number + 1)
    at += RLENGTH
  }
}

# Where the parenthesis that opens at `at` closes; 0 if not on this line.
function closes(code, at,    depth, c) {
  for (depth = 0; at <= length(code); at++) {
    c = substr(code, at, 1)
    depth += (c == "(") - (c == ")")
    if (depth == 0) return at
  }
  return 0
}

function conditions(code,    at, end, blank) {
  if (match(code, /(^| )if \(/)) {
    at = RSTART + RLENGTH - 1
    end = closes(code, at)
    if (end) {
      put("negate", at, end - at + 1, "(!" substr($0, at, end - at + 1) ")")
      if (substr(code, end) ~ /^\) .*;$/) put("remove", end + 2, length(code), ";")
    }
  }
  for (at = 1; at < length(code); at++)
    if (substr(code, at, 2) ~ /^![a-z_(]/) put("negate", at, 1, "")
}

function statements(code,    name) {
  if (before !~ /([;{}:)]|else)$/) return
  match(code, /^ */)
  name = substr(code, RLENGTH + 1)
  if (name ~ /^[a-zA-Z_][a-zA-Z0-9_]*\(.*\);$/ || name ~ /^[*a-z_(][^ (]* [-+*\/|&^]?= .*;$/ || name ~ /^[a-z_][^ =]*(\+\+|--);$/ ||
      name ~ /^(break|continue);$/ || (name ~ /^return.*;$/ && (before ~ /(\)|else)$/ || RLENGTH > 2)))
    put("remove", RLENGTH + 1, length(code), ";")
}

# The length of an array may be larger with no effect.
function is_declaration(code) {
  return code ~ /^ *((static|const|unsigned) )*[a-z_0-9]+ \**[a-z_]+(\[[^\]]*\])*(, [^(=]*)?;$/ || code ~ /^ *(static )?(enum|struct|typedef) /
}

{
  if (in_macro || /^#|^ *#pragma/) { in_macro = /\\$/; next }
  code = blot($0)
  in_comment_only = code ~ /^[ ~]*$/
  if (code ~ /^\{/) { in_body = 1; before = "{"; next }
  if (code ~ /^\}/) in_body = 0
  if (!in_body || in_comment_only) next
  code = blot_messages(code)
  if (!is_declaration(code)) {
    operators(code)
    constants(code)
    conditions(code)
    statements(code)
  }
  sub(/[ ~]*$/, "", code)
  before = code
}
