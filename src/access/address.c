#include "access/address.h"

#include <arpa/inet.h>
#include <string.h>

#define IPV4_OFFSET 12 /* of the four bytes in the mapped form */

static const uint8_t mapped[IPV4_OFFSET] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_ipv4(const struct access_address *address)
{
    return memcmp(address->bytes, mapped, sizeof mapped) == 0;
}

static bool parse_plain(struct access_address *out, struct str text)
{
    char copy[ACCESS_ADDRESS_TEXT_SIZE];
    struct access_address address = {0};

    if (text.len == 0 || text.len >= sizeof copy || memchr(text.at, '\0', text.len))
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, address.bytes + IPV4_OFFSET) == 1)
        memcpy(address.bytes, mapped, sizeof mapped);
    else if (inet_pton(AF_INET6, copy, address.bytes) != 1)
        return false;
    *out = address;
    return true;
}

static bool is_port(struct str text)
{
    int64_t port = 0;

    return str_to_int(&port, text, 0, 65535);
}

bool access_address_parse(struct access_address *out, struct str text)
{
    struct str rest = text;

    if (text.len && text.at[0] == '[') {
        struct str inside = str_split(&rest, ']');
        bool closed = inside.len < text.len;
        bool port = rest.len > 1 && rest.at[0] == ':';
        struct str number = {rest.at + 1, rest.len - MIN_OF(rest.len, 1)};
        return closed && (rest.len == 0 || (port && is_port(number))) &&
               parse_plain(out, (struct str){inside.at + 1, inside.len - 1});
    }
    struct str host = str_split(&rest, ':');
    if (rest.len && !memchr(rest.at, ':', rest.len)) /* one colon: a port follows */
        return is_port(rest) && parse_plain(out, host);
    return parse_plain(out, text);
}

const char *access_address_text(char out[ACCESS_ADDRESS_TEXT_SIZE],
                                const struct access_address *address)
{
    static const struct access_address none = {{0}};
    const char *text = NULL;

    if (memcmp(address, &none, sizeof none) != 0)
        text = is_ipv4(address)
                   ? inet_ntop(AF_INET, address->bytes + IPV4_OFFSET, out, ACCESS_ADDRESS_TEXT_SIZE)
                   : inet_ntop(AF_INET6, address->bytes, out, ACCESS_ADDRESS_TEXT_SIZE);
    if (!text)
        memcpy(out, "-", 2);
    return out;
}

bool access_address_is_loopback(const struct access_address *address)
{
    static const uint8_t six[ACCESS_ADDRESS_LEN] = {[ACCESS_ADDRESS_LEN - 1] = 1};

    return is_ipv4(address) ? address->bytes[IPV4_OFFSET] == 127
                            : memcmp(address->bytes, six, sizeof six) == 0;
}

struct access_address access_address_subscriber(const struct access_address *address)
{
    struct access_address subscriber = *address;

    if (!is_ipv4(address))
        memset(subscriber.bytes + 8, 0, 8);
    return subscriber;
}

/* Equal in the first `bits` bits. */
static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned left = bits % 8;

    if (memcmp(a, b, whole) != 0)
        return false;
    return left == 0 || ((a[whole] ^ b[whole]) >> (8 - left)) == 0;
}

static bool has_bits_beyond(const struct access_address *address, unsigned bits)
{
    for (unsigned i = bits; i < 128; i++)
        if (address->bytes[i / 8] & (0x80u >> (i % 8)))
            return true;
    return false;
}

static enum status add_network(struct access_networks *networks, struct str text, struct err *err)
{
    struct str rest = text;
    struct access_address address;
    int64_t prefix_len = 0;
    int shown = (int)MIN_OF(text.len, 60u);

    if (networks->count == ACCESS_NETWORKS_MAX)
        return err_set(err, ST_LIMIT, "over %d networks", ACCESS_NETWORKS_MAX);
    struct str host = str_split(&rest, '/');
    bool has_prefix = host.len < text.len;
    if (!parse_plain(&address, host))
        return err_set(err, ST_INVALID, "'%.*s' is no address or network", shown, text.at);
    unsigned top = is_ipv4(&address) ? 32 : 128;
    if (has_prefix && !str_to_int(&prefix_len, rest, 0, top))
        return err_set(err, ST_INVALID, "'%.*s': the prefix is a number from 0 to %u", shown,
                       text.at, top);
    unsigned bits = 128 - top + (has_prefix ? (unsigned)prefix_len : top);
    if (has_bits_beyond(&address, bits))
        return err_set(err, ST_INVALID, "'%.*s' has bits beyond its prefix", shown, text.at);
    networks->items[networks->count].address = address;
    networks->items[networks->count].prefix_len = bits;
    networks->count++;
    return ST_OK;
}

enum status access_networks_parse(struct access_networks *out, struct str text, struct err *err)
{
    struct access_networks networks = {.count = 0};
    size_t at = 0;

    while (at < text.len) {
        size_t end = at;
        while (end < text.len && !strchr(", \t\r\n", text.at[end]))
            end++;
        if (end > at) {
            enum status st = add_network(&networks, (struct str){text.at + at, end - at}, err);
            if (st != ST_OK)
                return st;
        }
        at = end + 1;
    }
    *out = networks;
    return ST_OK;
}

bool access_networks_contain(const struct access_networks *networks,
                             const struct access_address *address)
{
    for (size_t i = 0; i < networks->count; i++)
        if (same_prefix(networks->items[i].address.bytes, address->bytes,
                        networks->items[i].prefix_len))
            return true;
    return false;
}

/* Takes the last entry off *line. */
static struct str last_entry(struct str *line)
{
    size_t start = line->len;

    while (start > 0 && line->at[start - 1] != ',')
        start--;
    struct str entry = {line->at + start, line->len - start};
    line->len = start ? start - 1 : 0;
    return str_trim(entry);
}

struct access_address access_client(const struct access_address *peer, const struct str *forwarded,
                                    size_t count, const struct access_networks *trusted)
{
    struct access_address client = *peer;
    unsigned hops = 0;

    while (count-- > 0) {
        struct str line = forwarded[count];
        while (line.len) {
            struct access_address hop;
            if (!access_networks_contain(trusted, &client) || hops++ == ACCESS_HOPS_MAX)
                return client;
            if (!access_address_parse(&hop, last_entry(&line)))
                return client;
            client = hop;
        }
    }
    return client;
}
