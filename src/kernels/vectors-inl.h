// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0

// Included once per target, behind highway.h and before HWY_BEFORE_NAMESPACE(): what Highway has no
// portable name for, or does with more care than is needed here. For whole vectors of 16, 32
// and 64 bytes. "In blocks" means within each 16 bytes, as Highway's Interleave does.
#if defined(TESSERA_KERNELS_VECTORS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_VECTORS_INL_H
#undef TESSERA_KERNELS_VECTORS_INL_H
#else
#define TESSERA_KERNELS_VECTORS_INL_H
#endif

// Highway's AVX3_DL leaves out the instructions that products of bytes need, and has the 256-bit
// ones of another extension, which nothing here uses and target.cc does not ask for.
#if HWY_TARGET == HWY_AVX3_DL
#undef HWY_TARGET_STR
#define HWY_TARGET_STR                                            \
  HWY_TARGET_STR_AVX3                                             \
  ",vpclmulqdq,avx512vbmi,avx512vbmi2,vaes,avxvnni,avx512bitalg," \
  "avx512vpopcntdq,avx512vnni"
#endif

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_NEON

/// Of pairs of neighbours, the sum of their products.
HWY_INLINE hn::Vec128<std::int32_t> multiply_pairs(hn::Vec128<std::int16_t> a,
                                                   hn::Vec128<std::int16_t> b) {
  const auto low = vmull_s16(vget_low_s16(a.raw), vget_low_s16(b.raw));
  const auto high = vmull_high_s16(a.raw, b.raw);
  return hn::Vec128<std::int32_t>(vpaddq_s32(low, high));
}
/// Both, narrowed with saturation, in blocks.
HWY_INLINE hn::Vec128<std::int16_t> narrow(hn::Vec128<std::int32_t> a, hn::Vec128<std::int32_t> b) {
  return hn::Vec128<std::int16_t>(vqmovn_high_s32(vqmovn_s32(a.raw), b.raw));
}
HWY_INLINE hn::Vec128<std::uint8_t> narrow(hn::Vec128<std::int16_t> a, hn::Vec128<std::int16_t> b) {
  return hn::Vec128<std::uint8_t>(vqmovun_high_s16(vqmovun_s16(a.raw), b.raw));
}
/// Nearest integers, half to even, of values below 2^31 in magnitude or below -2^31.
HWY_INLINE hn::Vec128<std::int32_t> nearest(hn::Vec128<float> v) {
  return hn::Vec128<std::int32_t>(vcvtnq_s32_f32(v.raw));
}

#else

#define TESSERA_KERNELS_OF_WIDTH(VEC, PREFIX)                                                 \
  HWY_INLINE hn::VEC<std::int32_t> multiply_pairs(hn::VEC<std::int16_t> a,                    \
                                                  hn::VEC<std::int16_t> b) {                  \
    return hn::VEC<std::int32_t>{PREFIX##_madd_epi16(a.raw, b.raw)};                          \
  }                                                                                           \
  HWY_INLINE hn::VEC<std::int16_t> narrow(hn::VEC<std::int32_t> a, hn::VEC<std::int32_t> b) { \
    return hn::VEC<std::int16_t>{PREFIX##_packs_epi32(a.raw, b.raw)};                         \
  }                                                                                           \
  HWY_INLINE hn::VEC<std::uint8_t> narrow(hn::VEC<std::int16_t> a, hn::VEC<std::int16_t> b) { \
    return hn::VEC<std::uint8_t>{PREFIX##_packus_epi16(a.raw, b.raw)};                        \
  }                                                                                           \
  HWY_INLINE hn::VEC<std::int32_t> nearest(hn::VEC<float> v) {                                \
    return hn::VEC<std::int32_t>{PREFIX##_cvtps_epi32(v.raw)};                                \
  }

TESSERA_KERNELS_OF_WIDTH(Vec128, _mm)
TESSERA_KERNELS_OF_WIDTH(Vec256, _mm256)
#if HWY_TARGET <= HWY_AVX3
TESSERA_KERNELS_OF_WIDTH(Vec512, _mm512)
#endif
#undef TESSERA_KERNELS_OF_WIDTH

#endif

/// The first `count` bytes (fewer than a vector), and 0.
template <class D>
HWY_INLINE hn::Vec<D> load_first(D d, const std::uint8_t* from, std::size_t count) {
#if HWY_TARGET <= HWY_AVX3
  return hn::MaskedLoad(hn::FirstN(d, count), d, from);
#else
  alignas(HWY_MAX_BYTES) std::uint8_t bytes[HWY_MAX_BYTES] = {};
  std::memcpy(bytes, from, count);
  return hn::Load(d, bytes);
#endif
}

template <class D>
HWY_INLINE void store_first(hn::Vec<D> v, D d, std::uint8_t* to, std::size_t count) {
#if HWY_TARGET <= HWY_AVX3
  hn::BlendedStore(v, hn::FirstN(d, count), d, to);
#else
  alignas(HWY_MAX_BYTES) std::uint8_t bytes[HWY_MAX_BYTES];
  hn::Store(v, d, bytes);
  std::memcpy(to, bytes, count);
#endif
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
