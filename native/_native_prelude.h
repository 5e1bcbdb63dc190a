#include "clock.h"
#include "crc32c.h"
#include "port.h"
