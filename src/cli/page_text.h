#ifndef LKS_CLI_PAGE_TEXT_H
#define LKS_CLI_PAGE_TEXT_H

/** Local. A manual page as text on standard output, as wide as its terminal, for those who have no man at hand. Of
 * roff it takes what the pages of src/cli use: the macros TH, SH, SS, PP, TP, B, EX and EE, the escapes \fB, \fI,
 * \fR, \-, \& and \e. */
void lks_page_text_print(const char *source);

#endif
