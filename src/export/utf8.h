#ifndef LKS_EXPORT_UTF8_H
#define LKS_EXPORT_UTF8_H

/** Local. Puts a question mark in the place of each byte that is no part of a character of UTF-8: readers of JSON and of protobuf refuse such a text
 * altogether. Source: RFC 3629. */
void lks_utf8_make(char *text);

#endif
