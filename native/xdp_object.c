/* The compiled XDP program, carried inside the library: no file has to be found at run time. */
#include "xdp_object.h"

__asm__(".section .rodata\n"
        ".balign 16\n"
        ".hidden xdp_object\n"
        ".globl xdp_object\n"
        "xdp_object:\n"
        ".incbin \"" XDP_OBJECT_PATH "\"\n"
        ".hidden xdp_object_end\n"
        ".globl xdp_object_end\n"
        "xdp_object_end:\n"
        ".previous\n");
