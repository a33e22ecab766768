#include <weft/io/testing.hpp>

#include <stdexcept>

#include <weft/io/simulated/decisions.hpp>
#include <weft/io/simulated/simulated_engine.hpp>

namespace weft::io::simulated {

class world {
 public:
  explicit world(const testing::faults& f) : decisions_(f) {}

  std::unique_ptr<driver> make_engine() {
    if (engine_ != nullptr) throw std::logic_error("weft::testing: a simulated_io serves one run at a time");
    return std::make_unique<simulated_engine>(decisions_, engine_);
  }
  decisions& choices() noexcept { return decisions_; }
  simulated_engine& engine() noexcept { return *engine_; }

 private:
  decisions decisions_;
  simulated_engine* engine_ = nullptr;  // set by itself while it exists
};

}  // namespace weft::io::simulated

namespace weft::testing {

simulated_io::simulated_io(const faults& f) : world_(std::make_unique<io::simulated::world>(f)) {}
simulated_io::~simulated_io() = default;

fault_counts simulated_io::counts() const noexcept { return world_->choices().counts(); }
std::unique_ptr<driver> simulated_io::make_driver() { return world_->make_engine(); }
void simulated_io::begin(std::uint64_t seed, bool print) noexcept { world_->choices().begin(seed, print); }
simulation::time_point simulated_io::soonest() noexcept { return world_->engine().soonest(); }
simulation::time_point simulated_io::next_event(bool timed) noexcept { return world_->engine().next_event(timed); }

}  // namespace weft::testing
