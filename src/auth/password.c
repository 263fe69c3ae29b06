#include "auth/password.h"

#include "base/rand.h"

#include <argon2.h>
#include <assert.h>
#include <openssl/crypto.h>
#include <string.h>

enum {
    MEMORY_KIB = 19 * 1024,
    ITERATIONS = 2,
    LANES = 1,
    SALT_BYTES = 16,
    HASH_BYTES = 32,
    PHC_BYTES_MAX = 256,
    /* What a stored hash may ask for. A database may have been restored from anywhere: its hashes must not be able to
     * take all memory or a minute of time. */
    MEMORY_KIB_MAX = 256 * 1024,
    ITERATIONS_MAX = 16,
    LANES_MAX = 16,
};

/* Of no password anybody knows (its hash is sixteen 0xAA and sixteen 0x55), with the parameters of today: what an
 * unknown user's password is compared with. */
static const char decoy[] =
    "$argon2id$v=19$m=19456,t=2,p=1$Y29sbGFiZC1ub2JvZHk$qqqqqqqqqqqqqqqqqqqqqlVVVVVVVVVVVVVVVVVVVVU";

enum err password_hash(struct span password, struct buf *out)
{
    uint8_t salt[SALT_BYTES];
    char phc[PHC_BYTES_MAX];
    int result;

    if (password.len == 0)
        return ERR_BAD_FIELD;
    if (password.len > PASSWORD_BYTES_MAX)
        return ERR_TOO_LARGE;
    rand_bytes(salt, sizeof(salt));
    result = argon2id_hash_encoded(ITERATIONS, MEMORY_KIB, LANES, password.data, password.len, salt, sizeof(salt),
                                   HASH_BYTES, phc, sizeof(phc));
    if (result == ARGON2_MEMORY_ALLOCATION_ERROR)
        return ERR_OVERLOADED;
    assert(result == ARGON2_OK);
    buf_append_str(out, phc);
    return OK;
}

/* "m=19456" and so on: cuts one parameter off *rest. */
static bool cut_number(struct span *rest, char end, struct span name, uint64_t max, uint64_t *number)
{
    struct span part;

    return span_cut(rest, end, &part) && span_starts_with(part, name) &&
           span_parse_u64(span_slice(part, name.len, part.len), number) && *number <= max;
}

/* Whether computing it costs what one of ours may cost. The rest of the form is the library's to check. */
static bool is_affordable(struct span hash)
{
    struct span rest = hash;
    struct span prefix = SPAN("$argon2id$v=19$");
    uint64_t memory, iterations, lanes;

    if (hash.len >= PHC_BYTES_MAX || span_find(hash, '\0') < hash.len || !span_starts_with(hash, prefix))
        return false;
    rest = span_slice(hash, prefix.len, hash.len);
    return cut_number(&rest, ',', SPAN("m="), MEMORY_KIB_MAX, &memory) &&
           cut_number(&rest, ',', SPAN("t="), ITERATIONS_MAX, &iterations) &&
           cut_number(&rest, '$', SPAN("p="), LANES_MAX, &lanes);
}

static bool matches(struct span password, struct span hash)
{
    char phc[PHC_BYTES_MAX];

    assert(hash.len < sizeof(phc));
    memcpy(phc, hash.data, hash.len);
    phc[hash.len] = '\0';
    return argon2id_verify(phc, password.data, password.len) == ARGON2_OK;
}

enum err password_verify(struct span password, struct span hash)
{
    bool is_real = is_affordable(hash);
    bool is_match;

    if (password.len == 0 || password.len > PASSWORD_BYTES_MAX)
        return ERR_BAD_CREDENTIALS; /* says nothing about the user */
    is_match = matches(password, is_real ? hash : span_from_str(decoy));
    return is_real && is_match ? OK : ERR_BAD_CREDENTIALS;
}
