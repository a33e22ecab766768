// Tasks and files through an installed weft: the second needs the I/O engine that the library brings along.
#include <weft/weft.hpp>

#include <cstdio>
#include <string>

int main(int, char** arguments) {
  return weft::run([&] {
    weft::group g;
    weft::task<int> a = g.spawn([] { return 40; });
    weft::task<int> b = g.spawn([] { return 2; });
    weft::io::file self(arguments[0]);
    const std::string content = self.read_rest();
    const int sum = a.get() + b.get();
    std::printf("%d, %zu bytes\n", sum, content.size());
    return sum == 42 && content.substr(1, 3) == "ELF" ? 0 : 1;
  });
}
