#include <weft/wasm/cli/log.hpp>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string_view>

namespace weft::cli {
namespace {

constexpr std::array<std::string_view, 6> levels{"trace", "debug", "info", "warn", "error", "off"};

std::string chosen_level(const std::string& level) {
  if (!level.empty()) return level;
  const char* environment = std::getenv("WEFT_LOG");
  return environment != nullptr && *environment != '\0' ? environment : "warn";
}

}  // namespace

void start_log(const std::string& level) {
  const std::string chosen = chosen_level(level);
  if (std::find(levels.begin(), levels.end(), chosen) == levels.end()) {
    throw std::invalid_argument("'" + chosen + "' is not a log level: use trace, debug, info, warn, error or off");
  }
  auto logger = std::make_shared<spdlog::logger>("weft", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %n thread=%t %v");
  logger->set_level(spdlog::level::from_str(chosen));
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace weft::cli
