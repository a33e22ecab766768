// All of the public headers of sync/.
#pragma once

#include <weft/sync/channel.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/sync/select.hpp>
#include <weft/sync/select_case.hpp>
#include <weft/sync/wait_queue.hpp>
