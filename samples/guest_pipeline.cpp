// A pipeline whose stages are guests in several languages: each takes messages from channel 0 and sends to channel 1, and
// between two of them there is a channel of weft's. Guests whose file is not there (a language without its toolchain) are
// left out.
//
//   guest_pipeline STAGE.wasm...
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <weft/weft.hpp>

#include <weft/wasm/wasm.hpp>

namespace {

namespace wasm = weft::wasm;

constexpr std::size_t buffer = 16;
constexpr const char* verse[] = {"The warp is stretched, the weft is thrown,",
                                 "the Weft goes over, the weft goes under,",
                                 "and thread by thread the cloth has grown"};

int run_all(const std::vector<std::string>& files) {
  wasm::engine engine;
  weft::group g;
  auto [first, from] = weft::make_channel<wasm::message>(buffer);
  int stages = 0;
  for (const std::string& file : files) {
    if (!std::filesystem::exists(file)) continue;
    auto [to, next] = weft::make_channel<wasm::message>(buffer);
    g.spawn([stage = wasm::guest(engine.load(file),
                                 {.channels = {{"in", std::move(from)}, {"out", std::move(to)}}})]() mutable {
      stage.run();  // the end of its input is its own end, and that closes its output
    });
    from = std::move(next);
    ++stages;
  }
  g.spawn([first = std::move(first)] {
    for (const char* line : verse) {
      if (!first.send(wasm::message(line))) return;
    }
  });
  std::string last;
  int words = 0;
  for (const wasm::message& word : from) {
    last = word.text();
    ++words;
  }
  std::printf("the last word: %s; %d words came through %d stages\n", last.c_str(), words, stages);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: guest_pipeline STAGE.wasm...\n", stderr);
    return 2;
  }
  try {
    return weft::run([&] { return run_all({argv + 1, argv + argc}); });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "guest_pipeline: %s\n", e.what());
    return 1;
  }
}
