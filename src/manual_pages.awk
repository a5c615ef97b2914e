# The manual pages of section 3, one for each public function, from the doc comments of include/lockstep, and lockstep.3, which
# lists them. A doc comment is about the declarations after it, up to an empty line or the next one.
# usage: awk -v folder=FOLDER -v version=VERSION -f manual_pages.awk HEADER...

FNR == 1 { flush_group(); header = FILENAME; sub(/.*include\//, "", header); headers[++header_count] = header; in_doc = in_plain = 0 }

# A doc comment: where a line is indented and the one before it has ended its sentence, a paragraph begins.
/^[ \t]*\/\*\*/ && !in_plain {
  if (depth == 0) { flush_group(); in_doc = 1; doc = ""; doc_end = "." }
}
in_doc {
  line = $0
  paragraph = line ~ /^[ \t]*\*  [^ ]/ && doc_end ~ /[.:]$/ && doc != ""
  sub(/^[ \t]*\/\*\*[ \t]*/, "", line)
  ended = sub(/[ \t]*\*\/.*$/, "", line)
  sub(/^[ \t]*\*+[ \t]*/, "", line)
  if (line != "") {
    doc = doc (doc == "" ? "" : paragraph ? "\n\n" : "\n") line
    doc_end = line
  }
  if (ended) in_doc = 0
  next
}
/^[ \t]*\/\*/ && depth == 0 { in_plain = 1 }
in_plain { if (/\*\//) in_plain = 0; next }
/^[ \t]*$/ { if (depth == 0) flush_group(); next }
/^#|^LKS_PUBLIC|^[ \t]*_Pragma/ { next }
{
  code = code (code == "" ? "" : "\n") $0
  line = $0
  gsub(/\/\*.*\*\//, "", line)
  depth += gsub(/\{/, "{", line) - gsub(/\}/, "}", line)
}
END { flush_group(); write_pages() }

# Keeps what has been read as a type or as some functions.
function flush_group(   bare, name) {
  if (code != "") {
    if (code ~ /^enum/) { constants = code; constants_doc = doc }
    else if (code ~ /^typedef/) {
      bare = code
      gsub(/\/\*[^*]*\*\//, "", bare)
      name = bare
      sub(/[ \t\n]*;[ \t\n]*$/, "", name)
      if (bare ~ /\(\*/) { sub(/.*\(\*/, "", name); sub(/\).*/, "", name) }
      else sub(/.*[^a-z0-9_]/, "", name)
      type_before[name] = constants == "" ? "" : documented(constants_doc, constants)
      type_code[name] = code
      type_doc[name] = doc
      type_header[name] = header
      constants = constants_doc = ""
    } else if (code ~ /lks_[a-z0-9_]+ ?\(/) keep_functions()
  }
  code = ""
  depth = 0
}

function keep_functions(   rest, list, name) {
  group_count++
  group_code[group_count] = code
  group_doc[group_count] = doc
  group_header[group_count] = header
  rest = code
  gsub(/\/\*[^*]*\*\//, "", rest)
  gsub(/\([^()]*\)/, "(", rest) # arguments
  while (match(rest, /lks_[a-z0-9_]+ ?\(/)) {
    name = substr(rest, RSTART, RLENGTH - 1)
    sub(/ $/, "", name)
    rest = substr(rest, RSTART + RLENGTH)
    functions[++function_count] = name
    function_group[name] = group_count
    list = list (list == "" ? "" : ", ") name
  }
  group_names[group_count] = list
}

# The sentence after the one that says who calls the function, or else that one.
function brief(text,   end) {
  gsub(/\n/, " ", text)
  end = index(text ". ", ". ")
  if (end + 1 < length(text)) text = substr(text, end + 2)
  end = index(text ". ", ". ")
  text = substr(text, 1, end - 1)
  sub(/[.:]$/, "", text)
  return text
}

function escaped(text) {
  gsub(/\\/, "\\e", text)
  gsub(/\n\./, "\n\\\\\\&.", text)
  gsub(/\n'/, "\n\\\\\\&'", text)
  sub(/^\./, "\\\\\\&.", text)
  return text
}

# Code, as it stands.
function verbatim(text) {
  text = escaped(text)
  gsub(/-/, "\\-", text)
  return ".nf\n" text "\n.fi\n"
}

# Paragraphs; functions, types and constants in bold.
function prose(text,   out, word) {
  text = escaped(text)
  gsub(/\n\n/, "\n.PP\n", text)
  out = ""
  while (match(text, /(lks_[a-z0-9_]+|LKS_[A-Z0-9_]+)/)) {
    word = substr(text, RSTART, RLENGTH)
    out = out substr(text, 1, RSTART - 1) "\\fB" word "\\fP" (word in function_group ? "(3)" : "")
    text = substr(text, RSTART + RLENGTH)
  }
  return out text "\n"
}

function title(name) { return ".TH " toupper(name) " 3 \"\" \"Lockstep " version "\" \"Lockstep library\"\n" }

function documented(text, code) { return (text == "" ? "" : ".PP\n" prose(text)) ".PP\n" verbatim(code) }

# The types of the prototypes that have a comment in the same header.
function types_of(group,   text, rest, word, seen, out) {
  rest = group_code[group]
  out = ""
  while (match(rest, /lks_[a-z0-9_]+/)) {
    word = substr(rest, RSTART, RLENGTH)
    rest = substr(rest, RSTART + RLENGTH)
    if (!(word in type_code) || word in seen || type_header[word] != group_header[group]) continue
    seen[word] = 1
    out = out type_before[word] documented(type_doc[word], type_code[word])
  }
  return out
}

function see_also(name, group,   i, out) {
  out = ".BR lockstep (3)"
  for (i = 1; i <= function_count; i++)
    if (functions[i] != name && group_header[function_group[functions[i]]] == group_header[group])
      out = out ",\n.BR " functions[i] " (3)"
  return out "\n"
}

function page_of(name,   group, out, types) {
  group = function_group[name]
  out = title(name) ".SH NAME\n" name " \\- " escaped(brief(group_doc[group])) "\n.SH SYNOPSIS\n"
  out = out verbatim("#include <" group_header[group] ">\n\n" group_code[group])
  out = out ".SH DESCRIPTION\n" prose(group_doc[group])
  if (group_code[group] ~ /lks_status lks_/)
    out = out ".SH RETURN VALUE\n" prose("LKS_OK, or the status of a failure, with a sentence in lks_message.")
  types = types_of(group)
  if (types != "") out = out ".SH TYPES\n" types
  return out ".SH SEE ALSO\n" see_also(name, group)
}

function write_pages(   i, h, out, file) {
  out = title("lockstep") ".SH NAME\nlockstep \\- data\\-parallel training with synchronized batch norm, as a library\n.SH DESCRIPTION\n"
  out = out prose("The functions of the library by header; lockstep/lockstep.h includes all of them. A program is linked with the flags of \"pkg-config --cflags --libs lockstep\", or with the CMake package lockstep.")
  out = out prose("Where a description begins with Collective, all ranks call the function, in the same order; where it begins with Logically collective, they do so but do not wait for each other; Local functions are one rank's affair.")
  for (h = 1; h <= header_count; h++) {
    file = headers[h]
    if (!has_functions(file)) continue
    out = out ".SS " file "\n"
    for (i = 1; i <= function_count; i++)
      if (group_header[function_group[functions[i]]] == file)
        out = out ".TP\n.BR " functions[i] " (3)\n" escaped(brief(group_doc[function_group[functions[i]]])) "\n"
  }
  printf "%s", out ".SH SEE ALSO\n.BR lockstep (1)\n" > (folder "/lockstep.3")
  close(folder "/lockstep.3")
  for (i = 1; i <= function_count; i++) {
    file = folder "/" functions[i] ".3"
    printf "%s", page_of(functions[i]) > file
    close(file)
  }
}

function has_functions(file,   i) {
  for (i = 1; i <= function_count; i++)
    if (group_header[function_group[functions[i]]] == file) return 1
  return 0
}
