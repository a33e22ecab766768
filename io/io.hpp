// All of weft's input and output.
#pragma once

#include <weft/io/address.hpp>
#include <weft/io/connect.hpp>
#include <weft/io/descriptor.hpp>
#include <weft/io/engine_choice.hpp>
#include <weft/io/file.hpp>
#include <weft/io/listen_fds.hpp>
#include <weft/io/pipe.hpp>
#include <weft/io/ready.hpp>
#include <weft/io/resolve.hpp>
#include <weft/io/shortage.hpp>
#include <weft/io/tcp.hpp>
#include <weft/io/udp.hpp>
#include <weft/io/unique_descriptor.hpp>
#include <weft/io/unix_address.hpp>
#include <weft/io/unix_socket.hpp>
