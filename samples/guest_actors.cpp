// Actors as guests: sprites on a stage, each a guest of its own with a mailbox, as in a picture book program. The stage tells all
// of them to step, hears where they are, and draws what has come of it.
//
//   guest_actors SPRITE.wasm SPRITES STEPS
#include <array>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include <weft/weft.hpp>

#include <weft/wasm/wasm.hpp>

namespace {

namespace wasm = weft::wasm;

constexpr int width = 60;
constexpr int height = 12;

struct stage {
  std::array<std::string, height> rows;
  int bounces = 0;

  // "sprite moves 3 4"
  void hear(std::string_view report) {
    std::istringstream words{std::string(report)};
    std::string name;
    std::string what;
    std::size_t x = 0;
    std::size_t y = 0;
    words >> name >> what >> x >> y;
    if (what == "bounces") ++bounces;
    rows.at(y).at(x) = name.at(0);
  }
  void clear() { rows.fill(std::string(width, ' ')); }
};

std::vector<std::string> sprite_arguments(int i) {
  const auto number = [](int n) { return std::to_string(n); };
  return {std::string(1, static_cast<char>('a' + i % 26)),
          number(i * 7 % width),
          number(i * 5 % height),
          number(1 + i % 3),
          number(i % 2 == 0 ? 1 : -1),
          number(width),
          number(height)};
}

int run_all(const std::string& file, int sprites, int steps) {
  wasm::engine engine;
  const wasm::module program = engine.load(file);
  auto [to_stage, reports] = weft::make_channel<wasm::message>(64);
  std::vector<wasm::message_sender> mailboxes;
  weft::group g;
  for (int i = 0; i < sprites; ++i) {
    auto [mailbox, mail] = weft::make_channel<wasm::message>(4);
    mailboxes.push_back(std::move(mailbox));
    g.spawn([&, i, mail = std::move(mail), to_stage = to_stage] {
      wasm::guest(program, {.arguments = sprite_arguments(i), .channels = {{"mail", mail}, {"stage", to_stage}}}).run();
    });
  }
  stage all;
  for (int step = 0; step < steps; ++step) {
    all.clear();
    for (const wasm::message_sender& mailbox : mailboxes) static_cast<void>(mailbox.send(wasm::message("step")));
    for (int i = 0; i < sprites; ++i) all.hear(reports.receive().value().text());
  }
  mailboxes.clear();  // the end of their mail is the end of the sprites
  g.join();
  for (const std::string& row : all.rows) std::printf("|%s|\n", row.c_str());
  std::printf("%d sprites made %d steps each, %d times one bounced\n", sprites, steps, all.bounces);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: guest_actors SPRITE.wasm SPRITES STEPS\n", stderr);
    return 2;
  }
  try {
    return weft::run([&] { return run_all(argv[1], std::stoi(argv[2]), std::stoi(argv[3])); });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "guest_actors: %s\n", e.what());
    return 1;
  }
}
