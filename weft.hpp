// The whole of weft but for guests, which are in <weft/wasm/wasm.hpp>.
#pragma once

#include <weft/io/io.hpp>
#include <weft/scheduler/scheduler.hpp>
#include <weft/sync/sync.hpp>
