! fn(x) = J0(x), a Bessel function that comes with the language, and its derivative.
! Neither touches the instance: the activation has no parameters.
function activation_fn(instance, x) bind(c) result(y)
  use iso_c_binding, only: c_double, c_ptr
  type(c_ptr), value :: instance
  real(c_double), value :: x
  real(c_double) :: y
  y = bessel_j0(x)
end function

function activation_d_fn(instance, x) bind(c) result(y)
  use iso_c_binding, only: c_double, c_ptr
  type(c_ptr), value :: instance
  real(c_double), value :: x
  real(c_double) :: y
  y = -bessel_j1(x)
end function
