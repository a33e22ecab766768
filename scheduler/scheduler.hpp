// All of the scheduler's public headers.
#pragma once

#include <weft/scheduler/backoff.hpp>
#include <weft/scheduler/blocking.hpp>
#include <weft/scheduler/caller.hpp>
#include <weft/scheduler/cancel.hpp>
#include <weft/scheduler/deadline.hpp>
#include <weft/scheduler/deadlock_error.hpp>
#include <weft/scheduler/driver.hpp>
#include <weft/scheduler/dump.hpp>
#include <weft/scheduler/foreign_frame.hpp>
#include <weft/scheduler/group.hpp>
#include <weft/scheduler/group_error.hpp>
#include <weft/scheduler/local.hpp>
#include <weft/scheduler/parallel.hpp>
#include <weft/scheduler/park.hpp>
#include <weft/scheduler/runtime.hpp>
#include <weft/scheduler/services.hpp>
#include <weft/scheduler/shield.hpp>
#include <weft/scheduler/signals.hpp>
#include <weft/scheduler/stall.hpp>
#include <weft/scheduler/statistics.hpp>
#include <weft/scheduler/supervisor.hpp>
#include <weft/scheduler/task.hpp>
#include <weft/scheduler/this_fiber.hpp>
