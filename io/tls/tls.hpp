// All of weft's TLS (target weft::tls).
#pragma once

#include <weft/io/tls/context.hpp>
#include <weft/io/tls/error.hpp>
#include <weft/io/tls/stream.hpp>
