# What the sources take for granted of the machine that the program is for: sizes and 128-bit sums want 64 bits, and data sets,
# checkpoints and fingerprints are the bytes of memory, lowest first. Includes after project(), or by cmake -P with both set.
if(NOT CMAKE_SIZEOF_VOID_P EQUAL 8)
  math(EXPR bits "8 * 0${CMAKE_SIZEOF_VOID_P}")
  message(FATAL_ERROR "Lockstep needs a 64-bit system, and this compiler (${CMAKE_C_COMPILER} ${CMAKE_C_FLAGS}) makes programs of "
    "${bits} bits. Use a compiler for x86-64 or aarch64.")
endif()
if(NOT CMAKE_C_BYTE_ORDER STREQUAL "LITTLE_ENDIAN")
  message(FATAL_ERROR "Lockstep needs a little-endian system, and this compiler (${CMAKE_C_COMPILER} ${CMAKE_C_FLAGS}) makes programs "
    "whose byte order is '${CMAKE_C_BYTE_ORDER}': they could not share data sets, checkpoints and fingerprints with the others. "
    "Use a compiler for x86-64 or aarch64.")
endif()
