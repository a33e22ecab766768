// All of weft's input and output.
#pragma once

#include <weft/io/address.hpp>
#include <weft/io/buffered.hpp>
#include <weft/io/copy.hpp>
#include <weft/io/descriptor.hpp>
#include <weft/io/directory.hpp>
#include <weft/io/engine_choice.hpp>
#include <weft/io/file.hpp>
#include <weft/io/filesystem.hpp>
#include <weft/io/pipe.hpp>
#include <weft/io/process.hpp>
#include <weft/io/ready.hpp>
#include <weft/io/standard.hpp>
#include <weft/io/stream.hpp>
#include <weft/io/tcp.hpp>
#include <weft/io/temporary.hpp>
#include <weft/io/terminal.hpp>
#include <weft/io/timer.hpp>
#include <weft/io/watch.hpp>
