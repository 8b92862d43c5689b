/* access/address.h - addresses and networks, and which address a request really comes from.
 * Owns nothing.  Must not know sockets or HTTP: what proxies say arrives as text, all of it
 * hostile.  Thread-safe. */
#pragma once

#include "base/base.h"

#define ACCESS_ADDRESS_LEN       16
#define ACCESS_ADDRESS_TEXT_SIZE 46
#define ACCESS_NETWORKS_MAX      64
#define ACCESS_HOPS_MAX          32 /* addresses of X-Forwarded-For that are looked at */

/* IPv6; IPv4 as ::ffff:a.b.c.d.  All zeros: none. */
struct access_address {
    uint8_t bytes[ACCESS_ADDRESS_LEN];
};

/* "192.0.2.7", "2001:db8::1", either with a port: "192.0.2.7:80", "[2001:db8::1]:80". */
bool access_address_parse(struct access_address *out, struct str text) MUST_USE;
/* The usual spelling, "-" for none; returns `out`. */
const char *access_address_text(char out[ACCESS_ADDRESS_TEXT_SIZE],
                                const struct access_address *address);
bool access_address_is_loopback(const struct access_address *address);
/* What one customer of a network usually has: an IPv4 address, the /64 of an IPv6 address. */
struct access_address access_address_subscriber(const struct access_address *address);

struct access_networks {
    struct {
        struct access_address address;
        unsigned prefix_len; /* of 128 bits */
    } items[ACCESS_NETWORKS_MAX];
    size_t count;
};

/* "10.0.0.0/8, 2001:db8::/32 192.0.2.7": separated by commas or blanks.  ST_INVALID names the
 * one that is none, or has bits beyond its prefix; ST_LIMIT for more than ACCESS_NETWORKS_MAX. */
enum status access_networks_parse(struct access_networks *out, struct str text,
                                  struct err *err) MUST_USE;
bool access_networks_contain(const struct access_networks *networks,
                             const struct access_address *address);

/* The client of a request that came from `peer`: `peer` itself, unless it is trusted; then the
 * right-most address of X-Forwarded-For that is not.  `forwarded` holds the field's lines in their
 * order.  What stands left of an untrusted or malformed entry was written by anybody. */
struct access_address access_client(const struct access_address *peer, const struct str *forwarded,
                                    size_t count, const struct access_networks *trusted);
