// Modules that nobody wrote, valid ones made at random and real ones that were damaged, run under limits. Whatever they do, each ends, by
// a return, a trap or an error that says why, and the host is as it was. Some seconds in an ordinary run; WEFT_FUZZ_SECONDS says how long instead
// (`./dev fuzz`), and WEFT_TEST_SEED repeats a run.
#include "../wasm/wasm_support.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <weft/io/process.hpp>
#include <weft/wasm/exchange/functions.hpp>
#include <weft/wasm/wasi/functions.hpp>

namespace weft::wasm::test {
namespace {

using namespace std::chrono_literals;
using bytes = std::vector<std::byte>;

// ---- what the modules are made of ------------------------------------------------------------------------------------

std::string types_in_text(std::string_view letters, std::string_view word) {
  std::string text;
  for (const char letter : letters) text += letter == 'I' ? " i64" : " i32";
  return text.empty() ? text : " (" + std::string(word) + text + ")";
}

std::string import_in_text(std::string_view module, const wasi::definition& d) {
  const std::size_t colon = d.signature.find(':');
  return "(import \"" + std::string(module) + "\" \"" + std::string(d.name) + "\" (func" +
         types_in_text(d.signature.substr(0, colon), "param") + types_in_text(d.signature.substr(colon + 1), "result") +
         "))\n";
}

// All that the host offers, and what the test calls.
bytes shape() {
  std::string text = "(module\n";
  for (const auto& group : wasi::groups()) {
    for (const wasi::definition& d : group) text += import_in_text(wasi::import_module, d);
  }
  for (const wasi::definition& d : exchange::functions()) text += import_in_text(exchange::import_module, d);
  return assemble(text + R"(
    (memory (export "memory") 2)
    (func (export "_start"))
    (func (export "mix") (param i32 i64 f64) (result i64) unreachable)))");
}

// The generator's answer: each module after its length.
std::vector<bytes> split(std::string_view stream) {
  std::vector<bytes> modules;
  while (!stream.empty()) {
    std::uint32_t length = 0;
    if (stream.size() < sizeof length) throw std::runtime_error("the generator's output ends within a length");
    std::memcpy(&length, stream.data(), sizeof length);
    stream.remove_prefix(sizeof length);
    if (stream.size() < length) throw std::runtime_error("the generator's output ends within a module");
    const auto all = std::as_bytes(std::span(stream.substr(0, length)));
    modules.emplace_back(all.begin(), all.end());
    stream.remove_prefix(length);
  }
  return modules;
}

std::vector<bytes> random_modules(const std::filesystem::path& shape_file, std::uint64_t seed, int count) {
  const io::command_output made =
      io::run_command({WEFT_RANDOM_MODULES, shape_file.string(), std::to_string(seed), std::to_string(count)},
                      {.limit = std::size_t{256} << 20});
  if (!made.status.success()) throw std::runtime_error(made.status.describe() + ": " + made.errors);
  return split(made.output);
}

// Some bits of it changed, or some bytes more or less.
bytes damaged(bytes module, weft::test::random_source& random) {
  const bool in_place = random.one_in(2);
  for (std::uint32_t change = 1 + random.below(4); change != 0; --change) {
    const std::uint32_t at = random.below(static_cast<std::uint32_t>(module.size()));
    if (in_place) {
      module[at] ^= static_cast<std::byte>(1U << random.below(8));
    } else if (random.one_in(2)) {
      module.insert(module.begin() + at, static_cast<std::byte>(random.below(256)));
    } else {
      module.erase(module.begin() + at);
    }
  }
  return module;
}

// ---- running them ----------------------------------------------------------------------------------------------------

struct ends {
  std::atomic<int> refused{0}, trapped{0}, limited{0}, exited{0}, returned{0};

  [[nodiscard]] int sum() const { return refused + trapped + limited + exited + returned; }
};

guest_options what_it_gets(const std::filesystem::path& folder, std::string& output, const wasm::module& child) {
  auto [sender, receiver] = make_channel<message>(2);
  guest_options options{
      .arguments = {"one", "two"},
      .environment = {{"NAME", "value"}},
      .directories = {{folder, "/data"}},
      .input = stdio::text("some input"),
      .output = stdio::capture(output),
      .error = stdio::null(),
      .limits = {.memory = 16_MiB,
                 .table_elements = 20'000,
                 .descriptors = 32,
                 .output = 1_MiB,
                 .cpu_time = 20ms,
                 .wall_time = 60ms},
      .channels = {{"out", sender}, {"in", receiver}},
      .children = {{.name = "child", .program = child, .options = {.limits = {.cpu_time = 20ms, .wall_time = 60ms}}}}};
  return options;
}

// A run that needs longer than its limits allow by far has been lost.
constexpr std::chrono::seconds patience = 60s;

void call_both(const wasm::module& m, const guest_options& options, weft::test::random_source& random, ends& count) {
  if (guest(m, options).run() != 0) ++count.exited;
  instance kept(m, options);
  if (!kept.has_function("mix")) return;  // a real one, damaged
  const auto mix = kept.function<std::int64_t(std::int32_t, std::int64_t, double)>("mix");
  for (int call = 0; call < 3; ++call) {
    static_cast<void>(mix(static_cast<std::int32_t>(random.below(1 << 20)), -call, 0.5 * call));
  }
}

// Anything else that comes out, a failure or the end of patience, is the test's own failure.
void run_one(engine& e, const bytes& module, const std::filesystem::path& folder, const wasm::module& child,
             weft::test::random_source random, ends& count) {
  std::string output;
  try {
    const wasm::module m = e.compile(module, "random.wasm");
    const guest_options options = what_it_gets(folder, output, child);
    with_deadline(patience, [&] { call_both(m, options, random, count); });
    ++count.returned;
  } catch (const module_error& error) {
    EXPECT_EQ(std::string_view(error.what()).find('\n'), std::string_view::npos) << error.what();
    ++count.refused;
  } catch (const trap& t) {
    EXPECT_FALSE(t.reason().empty());
    ++(is_limit(t.code()) ? count.limited : count.trapped);
  } catch (const guest_exit&) {
    ++count.returned;
  } catch (const group_error& error) {  // a child's end that was not a good one
    EXPECT_NE(error.find<trap>(), nullptr) << error.what();
    ++count.trapped;
  }
  EXPECT_LE(output.size(), 1_MiB);
}

class host {
 public:
  explicit host(compiler code) : engine_({.pool_size = 32, .cache_directory = "", .code = code}) {}

  void run(std::span<const bytes> modules, weft::test::random_source& random) {
    const wasm::module child = engine_.compile(read_bytes(guest_file("small")), "child.wasm");
    const scratch_folder folder;
    group g;
    for (const bytes& module : modules) {
      g.spawn([&, random = random.split()] { run_one(engine_, module, folder.path(), child, random, ends_); });
    }
    g.join();
  }

  [[nodiscard]] const ends& count() const { return ends_; }

 private:
  engine engine_;
  ends ends_;
};

// Until the time is over, or a number of rounds where none is given.
template <class Round>
int repeat(int ordinary_rounds, Round round) {
  const char* given = std::getenv("WEFT_FUZZ_SECONDS");
  const int most = given != nullptr ? std::numeric_limits<int>::max() : weft::test::rounds(ordinary_rounds);
  const auto longest = given != nullptr ? std::chrono::seconds(std::atoi(given)) : std::chrono::seconds(3600);
  const auto end = std::chrono::steady_clock::now() + longest;
  int done = 0;
  while (done < most && std::chrono::steady_clock::now() < end) round(done++);
  return done;
}

void report(const char* name, const ends& count) {
  std::printf("%s: refused %d, trapped %d, limited %d, exited %d, returned %d\n", name, count.refused.load(),
              count.trapped.load(), count.limited.load(), count.exited.load(), count.returned.load());
}

constexpr std::array compilers = {compiler::cranelift, compiler::winch, compiler::pulley};
constexpr std::array compiler_names = {"cranelift", "winch", "pulley"};

template <class MakeBatch>
std::array<const ends*, 3> run_batches(std::array<host, 3>& hosts, weft::test::random_source& random, int rounds,
                                       MakeBatch make_batch) {
  const auto play = [&](int round) {
    const std::vector<bytes> batch = make_batch();
    hosts.at(static_cast<std::size_t>(round) % hosts.size()).run(batch, random);
  };
  play(0);
  const std::size_t open_before = open_descriptors();
  repeat(rounds, play);
  EXPECT_EQ(open_descriptors(), open_before);
  std::array<const ends*, 3> all{};
  for (std::size_t i = 0; i < hosts.size(); ++i) report(compiler_names.at(i), *(all.at(i) = &hosts.at(i).count()));
  return all;
}

std::array<host, 3> make_hosts() { return {host(compilers[0]), host(compilers[1]), host(compilers[2])}; }

TEST(random_modules_test, valid_ones_run_and_end) {
  weft::run(weft::test::options_without_spares(), [] {
    const scratch_folder folder;
    write_file(folder / "shape.wasm", [] {
      const bytes s = shape();
      return std::string(reinterpret_cast<const char*>(s.data()), s.size());
    }());
    weft::test::random_source random;
    std::uint64_t next_seed = random.seed();
    std::array<host, 3> hosts = make_hosts();
    constexpr int batch = 40;
    const auto all = run_batches(hosts, random, 6, [&] {
      std::printf("modules from seed %llu\n", static_cast<unsigned long long>(next_seed));
      next_seed += batch;
      return random_modules(folder / "shape.wasm", next_seed - batch, batch);
    });
    // A test of refusals only tests little.
    EXPECT_LT(all[0]->refused.load(), 20 + all[0]->sum() / 2);
  });
}

TEST(random_modules_test, damaged_ones_run_or_are_refused) {
  weft::run(weft::test::options_without_spares(), [] {
    std::vector<bytes> originals;
    for (const char* name : {"small", "limits", "library", "talker"}) originals.push_back(read_bytes(guest_file(name)));
    weft::test::random_source random;
    std::array<host, 3> hosts = make_hosts();
    run_batches(hosts, random, 3, [&] {
      std::vector<bytes> batch;
      for (int i = 0; i < 40; ++i) {
        batch.push_back(damaged(originals[random.below(static_cast<std::uint32_t>(originals.size()))], random));
      }
      return batch;
    });
  });
}

}  // namespace
}  // namespace weft::wasm::test
