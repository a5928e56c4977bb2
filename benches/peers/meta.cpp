// One function around Meta's own code, for ctypes.
#include <cstring>
#include <vector>

#include <pdq/cpp/hashing/pdqhashing.h>

extern "C" int meta_pdq(uint8_t* rgb, int rows, int columns, uint16_t* out) {
    using namespace facebook::pdq::hashing;
    // Kept from call to call, as a service would.
    static std::vector<float> luma, other;
    luma.resize((size_t)rows * columns);
    other.resize((size_t)rows * columns);
    float a[64][64], b[16][64], c[16][16];
    Hash256 hash;
    int quality = 0;
    fillFloatLumaFromRGB(rgb, rgb + 1, rgb + 2, rows, columns, 3 * columns, 3, luma.data());
    pdqHash256FromFloatLuma(luma.data(), other.data(), rows, columns, a, b, c, hash, quality);
    std::memcpy(out, hash.w, sizeof hash.w);
    return quality;
}
