#pragma once

// What a shared library of nngp exports: the declarations between these two, in the public headers.
// Everything else is hidden (-fvisibility=hidden).

#define NNGP_API_BEGIN _Pragma("GCC visibility push(default)")
#define NNGP_API_END _Pragma("GCC visibility pop")
/// For templates of functions, whose instances GCC exports only if each declaration says so.
#define NNGP_API __attribute__((visibility("default")))
