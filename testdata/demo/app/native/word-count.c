/* Counts lines, words and bytes of its standard input: "3 14 92". */
#include <ctype.h>
#include <stdio.h>

int main(void) {
  unsigned long lines = 0, words = 0, bytes = 0;
  int inside = 0;
  for (int c; (c = getchar()) != EOF; bytes++) {
    lines += c == '\n';
    words += !isspace(c) && !inside;
    inside = !isspace(c);
  }
  printf("%lu %lu %lu\n", lines, words, bytes);
  return ferror(stdin) != 0;
}
