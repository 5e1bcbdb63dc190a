#include "clock.h"
#include "crc32c.h"
#include "journal.h"
#include "port.h"
