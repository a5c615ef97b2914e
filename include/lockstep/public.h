#ifndef LOCKSTEP_PUBLIC_H
#define LOCKSTEP_PUBLIC_H

/* Between these two, which every header of this folder has around its declarations, C++ finds functions of C,
 * and the shared library shows what is declared; it hides all else. */
#ifdef __cplusplus
#define LKS_PUBLIC_BEGIN                                                                                     \
  _Pragma("GCC visibility push(default)") extern "C"                                                         \
  {
#define LKS_PUBLIC_END                                                                                       \
  }                                                                                                          \
  _Pragma("GCC visibility pop")
#else
#define LKS_PUBLIC_BEGIN _Pragma("GCC visibility push(default)")
#define LKS_PUBLIC_END _Pragma("GCC visibility pop")
#endif

#endif
