// All of the public headers of sync/.
#pragma once

#include <weft/sync/actor.hpp>
#include <weft/sync/barrier.hpp>
#include <weft/sync/broadcast.hpp>
#include <weft/sync/channel.hpp>
#include <weft/sync/condition_variable.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/generator.hpp>
#include <weft/sync/latch.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/sync/once.hpp>
#include <weft/sync/pipeline.hpp>
#include <weft/sync/rate_limiter.hpp>
#include <weft/sync/recursive_mutex.hpp>
#include <weft/sync/select.hpp>
#include <weft/sync/select_case.hpp>
#include <weft/sync/selector.hpp>
#include <weft/sync/semaphore.hpp>
#include <weft/sync/shared_mutex.hpp>
#include <weft/sync/wait_queue.hpp>
#include <weft/sync/watch.hpp>
