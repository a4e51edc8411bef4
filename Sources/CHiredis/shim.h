// hiredis 0.14. RedisWire uses the protocol only (redisReader), because its sockets are NIO's; JobBench measures the blocking connection.
#pragma once
#include <hiredis/hiredis.h>
#include <hiredis/read.h>
