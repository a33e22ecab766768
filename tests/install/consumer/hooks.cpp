// A call that blocks, on the only worker, beside the fiber that ends the wait.
#include <unistd.h>
#include <weft/io/hooks/hooks.hpp>
#include <weft/weft.hpp>

int main() {
  if (!weft::io::hooks::is_hooked("recv")) return 4;
  return weft::run({.workers = 1, .monitor = false}, [] {
    int ends[2];
    if (::pipe(ends) != 0) return 2;
    char c = 0;
    weft::group g;
    g.spawn([&] { static_cast<void>(::read(ends[0], &c, 1)); });
    weft::sleep_for(std::chrono::milliseconds(1));
    if (::write(ends[1], "x", 1) != 1) return 3;
    g.join();
    return c == 'x' ? 0 : 1;
  });
}
