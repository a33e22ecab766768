// What C++'s library wants of a host.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

namespace shop {
struct till {
  __attribute__((noinline)) int open(int code) {
    if (code > 3) __builtin_trap();
    return code;
  }
};
}  // namespace shop

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "trap") return shop::till().open(argc + 5);
  std::map<std::string, int> counts;
  std::string word;
  while (std::cin >> word) ++counts[word];
  std::vector<std::pair<int, std::string>> order;
  for (const auto& [text, n] : counts) order.emplace_back(n, text);
  std::sort(order.rbegin(), order.rend());
  std::ofstream file("/data/counts");
  for (const auto& [n, text] : order) {
    std::cout << text << ' ' << n << '\n';
    file << n << '\n';
  }
  return file ? 0 : 1;
}
