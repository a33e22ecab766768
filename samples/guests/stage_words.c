// The first stage of the sample guest_pipeline: takes texts from channel 0 and sends their words to channel 1.
#include <ctype.h>

#include <weft.h>

static int is_letter(char c) { return isalpha((unsigned char)c); }

int main(void) {
  char text[4096];
  size_t length;
  while (weft_receive(0, text, sizeof text, &length, WEFT_FOREVER) == 0) {
    for (size_t begin = 0; begin < length;) {
      while (begin < length && !is_letter(text[begin])) ++begin;
      size_t end = begin;
      while (end < length && is_letter(text[end])) ++end;
      if (end > begin && weft_send(1, text + begin, end - begin, WEFT_FOREVER) != 0) return 1;
      begin = end;
    }
  }
  return 0;
}
