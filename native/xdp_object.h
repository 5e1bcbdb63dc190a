#ifndef PITWIRE_XDP_OBJECT_H
#define PITWIRE_XDP_OBJECT_H

extern const unsigned char xdp_object[] __attribute__((visibility("hidden")));
extern const unsigned char xdp_object_end[] __attribute__((visibility("hidden")));

#endif
