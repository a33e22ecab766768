// Prints the SHA-256 of files beneath a preopened directory, as sha256sum does: a guest that reads.
//
//   hashfiles FILE...       or, with no argument, the files named on standard input, one a line
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct sha256 {
  uint32_t state[8];
  uint64_t length;
  uint8_t block[64];
};

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void compress(uint32_t state[8], const uint8_t* block) {
  uint32_t w[64];
  for (int i = 0; i < 16; ++i)
    w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
           (uint32_t)block[4 * i + 3];
  for (int i = 16; i < 64; ++i) {
    const uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
    const uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (int i = 0; i < 64; ++i) {
    const uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + round_constants[i] + w[i];
    const uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d;
  state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

static void sha256_start(struct sha256* hash) {
  static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(hash->state, initial, sizeof initial);
  hash->length = 0;
}

static void sha256_add(struct sha256* hash, const uint8_t* data, size_t size) {
  size_t held = hash->length % 64;
  hash->length += size;
  if (held + size < 64) {
    memcpy(hash->block + held, data, size);
    return;
  }
  if (held > 0) {
    memcpy(hash->block + held, data, 64 - held);
    compress(hash->state, hash->block);
    data += 64 - held;
    size -= 64 - held;
  }
  for (; size >= 64; data += 64, size -= 64) compress(hash->state, data);
  memcpy(hash->block, data, size);
}

static void sha256_finish(struct sha256* hash, uint8_t digest[32]) {
  const uint64_t bits = hash->length * 8;
  uint8_t end[72] = {0x80};
  const size_t padding = (hash->length % 64 < 56 ? 56 : 120) - hash->length % 64;
  for (int i = 0; i < 8; ++i) end[padding + (size_t)i] = (uint8_t)(bits >> (56 - 8 * i));
  sha256_add(hash, end, padding + 8);
  for (int i = 0; i < 32; ++i) digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

static int hash_file(const char* name) {
  static uint8_t buffer[65536];
  FILE* file = fopen(name, "rb");
  if (!file) {
    fprintf(stderr, "hashfiles: cannot open %s: %s\n", name, strerror(errno));
    return 1;
  }
  setvbuf(file, NULL, _IONBF, 0);
  struct sha256 hash;
  sha256_start(&hash);
  size_t size;
  while ((size = fread(buffer, 1, sizeof buffer, file)) > 0) sha256_add(&hash, buffer, size);
  const int failed = ferror(file);
  fclose(file);
  if (failed) {
    fprintf(stderr, "hashfiles: cannot read %s: %s\n", name, strerror(errno));
    return 1;
  }
  uint8_t digest[32];
  sha256_finish(&hash, digest);
  for (int i = 0; i < 32; ++i) printf("%02x", digest[i]);
  printf("  %s\n", name);
  return 0;
}

static int hash_files_named_on_stdin(void) {
  char name[4096];
  int status = 0;
  while (fgets(name, sizeof name, stdin)) {
    name[strcspn(name, "\n")] = '\0';
    if (name[0] != '\0') status |= hash_file(name);
  }
  return status;
}

int main(int argc, char** argv) {
  if (argc == 1) return hash_files_named_on_stdin();
  int status = 0;
  for (int i = 1; i < argc; ++i) status |= hash_file(argv[i]);
  return status;
}
