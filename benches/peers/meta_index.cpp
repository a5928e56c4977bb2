// Two functions around Meta's own indexes, for ctypes.
#include <array>
#include <cstdio>
#include <cstring>
#include <vector>

#include <pdq/cpp/index/flat.h>
#include <pdq/cpp/index/mih.h>

using facebook::pdq::hashing::Hash256;

struct Index {
    std::vector<Hash256> codes;
    // Not to be copied or moved, so made in its place.
    facebook::pdq::index::MIH256<uint32_t> tables;
    bool flat;
};

static Hash256 hash(const uint8_t* bytes) {
    Hash256 out;
    std::memcpy(out.w, bytes, sizeof out.w);
    return out;
}

extern "C" void* build(int kind, const uint8_t* codes, size_t count) {
    Index* index = new Index;
    index->flat = kind == 0;
    if (index->flat) index->codes.reserve(count);
    for (size_t i = 0; i < count; i++) {
        if (index->flat) {
            index->codes.push_back(hash(codes + 32 * i));
        } else {
            index->tables.insert(hash(codes + 32 * i), (uint32_t)i);
        }
    }
    return index;
}

// Writes query, row and distance of what was found, as far as there is room; answers how many there are.
extern "C" size_t near(void* opaque, const uint8_t* queries, size_t count, int radius, uint32_t* out, size_t room) {
    const Index* index = (const Index*)opaque;
    size_t found = 0;
    auto give = [&](size_t query, size_t row, int distance) {
        if (found < room) {
            out[3 * found] = (uint32_t)query;
            out[3 * found + 1] = (uint32_t)row;
            out[3 * found + 2] = (uint32_t)distance;
        }
        found++;
    };
    if (index->flat) {
        for (size_t first = 0; first < count; first += 8) {
            // It takes eight, never fewer: those that are missing are far from everything listed.
            std::array<Hash256, 8> eight;
            size_t some = count - first < 8 ? count - first : 8;
            for (size_t i = 0; i < 8; i++) {
                if (i < some) {
                    eight[i] = hash(queries + 32 * (first + i));
                } else {
                    eight[i].setAll();
                }
            }
            std::vector<std::pair<size_t, size_t>> matches;
            facebook::pdq::index::Flat(eight).queryAll(index->codes.data(), index->codes.size(), radius, matches);
            for (auto& match : matches) {
                give(first + match.second, match.first, index->codes[match.first].hammingDistance(eight[match.second]));
            }
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            Hash256 query = hash(queries + 32 * i);
            std::vector<std::pair<Hash256, uint32_t>> matches;
            index->tables.queryAll(query, radius, matches);
            for (auto& match : matches) {
                give(i, match.second, query.hammingDistance(match.first));
            }
        }
    }
    return found;
}
