#ifndef LKS_BASE_STATUS_LINE_H
#define LKS_BASE_STATUS_LINE_H

/* A line at the bottom of the terminal on standard output that is drawn over again and again, such as a bar of
 * progress. There is one in a process, and whoever prints anything else wipes it first. All are local, and any
 * thread may call them. */

/** Local. Draws the line anew, cut off where the terminal ends: of text without control characters, in one
 * column each. Where a narrower window has wrapped the old line, all of its rows go. */
void lks_status_line_show(const char *text);

/** Local. The line goes away, and the cursor stands where it began; nothing is printed if there is none. */
void lks_status_line_wipe(void);

#endif
