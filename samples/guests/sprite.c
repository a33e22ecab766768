// An actor of the sample guest_actors: a sprite on a stage. Its mailbox is channel 0, the stage listens to channel 1.
//
//   sprite NAME X Y DX DY WIDTH HEIGHT
//
// "step" moves it, and it tells where it is; at the border it turns and says so. "turn" turns it where it stands.
#include <stdio.h>
#include <stdlib.h>

#include <weft.h>

struct sprite {
  const char* name;
  int x, y, dx, dy;
};

static void tell(const struct sprite* s, const char* what) {
  char text[64];
  int length = snprintf(text, sizeof text, "%s %s %d %d", s->name, what, s->x, s->y);
  weft_send(1, text, (size_t)length, WEFT_FOREVER);
}

// Moves along one axis; 1 if it had to turn.
static int move(int* at, int* by, int end) {
  int turned = *at + *by < 0 || *at + *by >= end;
  if (turned) *by = -*by;
  *at += *by;
  return turned;
}

int main(int argc, char** argv) {
  if (argc != 8) return 2;
  struct sprite s = {argv[1], atoi(argv[2]), atoi(argv[3]), atoi(argv[4]), atoi(argv[5])};
  int width = atoi(argv[6]);
  int height = atoi(argv[7]);
  char message[32];
  size_t length;
  while (weft_receive(0, message, sizeof message, &length, WEFT_FOREVER) == 0) {
    if (length == 4 && memcmp(message, "step", 4) == 0) {
      int turned = move(&s.x, &s.dx, width);
      turned |= move(&s.y, &s.dy, height);
      tell(&s, turned ? "bounces" : "moves");
    } else if (length == 4 && memcmp(message, "turn", 4) == 0) {
      s.dx = -s.dx;
      s.dy = -s.dy;
    }
  }
  return 0;
}
