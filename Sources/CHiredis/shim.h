// hiredis 0.14: the protocol only (redisReader, redisFormatCommandArgv). The sockets are NIO's.
#pragma once
#include <hiredis/hiredis.h>
#include <hiredis/read.h>
