#include "report/html_parts.h"

#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "lockstep/config.h"

void lks_html_escape(FILE *out, const char *text)
{
  for (const char *c = text; *c != '\0'; c++) {
    switch (*c) {
    case '&': fputs("&amp;", out); break;
    case '<': fputs("&lt;", out); break;
    case '>': fputs("&gt;", out); break;
    case '"': fputs("&quot;", out); break;
    case '\'': fputs("&#39;", out); break;
    default: fputc(*c, out); break;
    }
  }
}

/* Length of the text up to the name behind one of these, 0 if none begins here. */
static size_t before_name(const char *text)
{
  static const char *const marks[] = {" id='", " id=\"", "href='#", "href=\"#", "url(#"};
  for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
    if (strncmp(text, marks[i], strlen(marks[i])) == 0) return strlen(marks[i]);
  return 0;
}

bool lks_html_svg(FILE *out, const char *svg, const char *name, const char *title)
{
  const char *view = strstr(svg, "viewBox=\""), *body = strstr(svg, "</desc>"), *end = strstr(svg, "</svg>");
  if (strstr(svg, "<svg") == NULL || view == NULL || body == NULL || end == NULL || end < body) return false;
  fprintf(out, "<svg %.*s\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\" aria-label=\"",
          (int)strcspn(view + 9, "\"") + 9, view);
  lks_html_escape(out, title);
  fputs("\">", out);
  for (const char *c = body + strlen("</desc>"); c < end;) {
    const size_t length = before_name(c);
    fwrite(c, 1, length > 0 ? length : 1, out);
    if (length > 0) fprintf(out, "%s-", name);
    c += length > 0 ? length : 1;
  }
  fputs("</svg>\n", out);
  return true;
}

/* A plot is drawn for white paper; on a dark page its lightness is turned round and its colours stay. Plots
 * stand in two columns or fill a phone. */
static const char *const style =
    ":root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--soft:#f3f4f6;--line:#c9ced6;--mark:#0b5cad}\n"
    "@media(prefers-color-scheme:dark){\n"
    ":root{--ink:#e6e8eb;--paper:#15181c;--soft:#20252b;--line:#444b55;--mark:#7ab8ff}\n"
    "figure svg{filter:invert(.9) hue-rotate(180deg)}\n"
    "figure svg>g>rect:first-child{fill:none}\n"
    "}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}\n"
    "main{max-width:72rem;margin:0 auto;padding:1rem}\n"
    "h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0}\n"
    "h2{font-size:1.2rem;margin:2rem 0 .5rem}\n"
    "h1,h2,li,p,dd,figcaption{overflow-wrap:anywhere}\n"
    "p,ul,figcaption,dl{max-width:44rem}\n"
    ".note{border-left:.25rem solid var(--mark);padding:.5rem .75rem;background:var(--soft)}\n"
    ".scroll{overflow-x:auto;border:1px solid var(--line);border-radius:.25rem}\n"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}\n"
    "th,td{padding:.35rem .45rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}\n"
    "thead th{vertical-align:bottom;white-space:normal;font-size:.85rem;line-height:1.25}\n"
    "table:has(td.text) th{text-align:left}\n"
    "td.text{white-space:normal;text-align:left;min-width:8rem;overflow-wrap:anywhere}\n"
    "td.text:last-child{min-width:16rem}\n"
    "tbody tr:last-child>*{border-bottom:0}\n"
    "th{background:var(--soft)}\n"
    "th:first-child{position:sticky;left:0;text-align:left;border-right:1px solid var(--line)}\n"
    ".words th,.words td{white-space:normal;text-align:left;vertical-align:top;min-width:7rem}\n"
    ".words th:first-child{position:static;min-width:9rem}\n"
    ".figures{columns:28rem;column-gap:1.5rem}\n"
    "figure{margin:0 0 1.5rem;border:1px solid var(--line);border-radius:.25rem;padding:.5rem}\n"
    "figure{break-inside:avoid}\n"
    "figure svg,figure img{display:block;width:100%;height:auto}\n"
    "figcaption{font-size:.9rem;padding:.25rem .25rem 0}\n"
    "dt{font-weight:600}\n"
    "dd{margin:0 0 .5rem}\n"
    "pre{overflow-x:auto;background:var(--soft);padding:.75rem;font-size:.85rem;border-radius:.25rem}\n"
    "pre.wrap{white-space:pre-wrap;overflow-wrap:anywhere}\n"
    "summary{cursor:pointer;font-weight:600;padding:.25rem 0}\n"
    "@media print{.scroll{overflow:visible}table{font-size:.75rem}}\n";

void lks_html_begin(FILE *out, const char *title)
{
  fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
        out);
  lks_html_escape(out, title);
  fprintf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n<h1>", style);
  lks_html_escape(out, title);
  fputs("</h1>\n", out);
}

void lks_html_end(FILE *out)
{
  fputs("</main>\n</body>\n</html>\n", out);
}

void lks_html_figures_begin(FILE *out)
{
  fputs("<div class=\"figures\">\n", out);
}

void lks_html_figures_end(FILE *out)
{
  fputs("</div>\n", out);
}

lks_status lks_html_figure(FILE *out, size_t *shown, const char *folder, const char *name, const char *title,
                           const char *reading)
{
  char path[LKS_TEXT_MAX + 64], *svg = NULL;
  size_t bytes = 0;
  snprintf(path, sizeof path, "%s/%s.svg", folder, name);
  if (!lks_file_exists(path)) return LKS_OK;
  const lks_status status = lks_file_read(&svg, &bytes, path);
  if (status) return status;
  fprintf(out, "<figure id=\"%s\">\n", name);
  if (lks_html_svg(out, svg, name, title)) ++*shown;
  fputs("<figcaption>", out);
  lks_html_escape(out, reading);
  fputs("</figcaption>\n</figure>\n", out);
  lks_free(svg);
  return LKS_OK;
}

void lks_html_table_begin(FILE *out, const char *name, const char *const *headings, size_t count)
{
  fputs("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"", out);
  lks_html_escape(out, name);
  fputs("\"><table>\n<thead><tr>", out);
  for (size_t i = 0; i < count; i++) {
    fputs("<th scope=\"col\">", out);
    lks_html_escape(out, headings[i]);
    fputs("</th>", out);
  }
  fputs("</tr></thead>\n<tbody>\n", out);
}

void lks_html_table_row(FILE *out, const char *heading)
{
  fputs("<tr><th scope=\"row\">", out);
  lks_html_escape(out, heading);
  fputs("</th>", out);
}

void lks_html_table_cell(FILE *out, const char *text)
{
  fputs("<td>", out);
  lks_html_escape(out, text);
  fputs("</td>", out);
}

void lks_html_table_text(FILE *out, const char *text)
{
  fputs("<td class=\"text\">", out);
  lks_html_escape(out, text);
  fputs("</td>", out);
}

void lks_html_table_row_end(FILE *out)
{
  fputs("</tr>\n", out);
}

void lks_html_table_end(FILE *out)
{
  fputs("</tbody></table></div>\n", out);
}
