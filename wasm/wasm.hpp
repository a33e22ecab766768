// All of weft's host for WebAssembly guests.
#pragma once

#include <weft/wasm/engine.hpp>
#include <weft/wasm/error.hpp>
#include <weft/wasm/guest.hpp>
#include <weft/wasm/guest_memory.hpp>
#include <weft/wasm/guest_options.hpp>
#include <weft/wasm/host_functions.hpp>
#include <weft/wasm/inspect.hpp>
#include <weft/wasm/instance.hpp>
#include <weft/wasm/instance_pool.hpp>
#include <weft/wasm/message.hpp>
#include <weft/wasm/module.hpp>
#include <weft/wasm/units.hpp>
