#pragma once

// OpenBLAS, loaded when it is first used. At its start it makes threads that each take 128 MiB of
// address space; where that is limited they wait for ever, and the process with them when it ends. So a
// program that solves nothing does not load it, and one that does loads it with as many threads as
// there is room.

#include <cblas.h>

#include <boost/dll/shared_library.hpp>

namespace nngp {

class OpenBlas {
 public:
  /// The one of the process. Throws Error if there is none, or no room for it.
  static const OpenBlas& get();

  decltype(&::openblas_get_config) config;
  decltype(&::openblas_get_corename) processor;
  decltype(&::cblas_dgemm) dgemm;
  decltype(&::cblas_dtrsm) dtrsm;
  decltype(&::cblas_dtrsv) dtrsv;

  // LAPACK as Fortran has it, with the lengths of strings last.
  using Length = std::size_t;
  void (*dpotrf)(const char* uplo, const int* n, double* a, const int* lda, int* info, Length);
  void (*dpotrs)(const char* uplo, const int* n, const int* count, const double* a, const int* lda,
                 double* b, const int* ldb, int* info, Length);
  void (*dpotri)(const char* uplo, const int* n, double* a, const int* lda, int* info, Length);
  void (*dlacn2)(const int* n, double* v, double* x, int* signs, double* norm, int* kase, int* state);
  void (*dsyevd)(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w,
                 double* work, const int* lwork, int* iwork, const int* liwork, int* info, Length,
                 Length);

 private:
  OpenBlas();

  boost::dll::shared_library library_;
};

}  // namespace nngp
