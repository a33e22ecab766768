// All of the public headers of sync/.
#pragma once

#include <weft/sync/actor.hpp>
#include <weft/sync/broadcast.hpp>
#include <weft/sync/channel.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/generator.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/sync/pipeline.hpp>
#include <weft/sync/select.hpp>
#include <weft/sync/select_case.hpp>
#include <weft/sync/selector.hpp>
#include <weft/sync/wait_queue.hpp>
#include <weft/sync/watch.hpp>
