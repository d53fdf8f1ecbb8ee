// fn(x) = scale x^3, of which all expectations are polynomials. No crate is needed: the structures below
// are those of nngp/activation.h, field by field, and the tables are constants.
use std::os::raw::{c_char, c_void};
use std::ptr::null;

#[repr(C)]
pub struct Parameter {
    struct_size: u32,
    kind: u32, // 0 number, 1 integer, 2 boolean, 3 list
    name: *const c_char,
    summary: *const c_char,
    default_value: *const f64,
    default_count: usize,
    minimum: f64,
    maximum: f64,
    flags: u32,
    reserved: u32,
}

#[repr(C)]
pub struct Value {
    data: *const f64,
    count: usize,
}

#[repr(C)]
pub struct Breakpoint {
    x: f64,
    order: u32,
    reserved: u32,
}

type Create = unsafe extern "C" fn(*const Value, usize, *mut c_char, usize) -> *mut c_void;
type Destroy = unsafe extern "C" fn(*mut c_void);
type Function = unsafe extern "C" fn(*const c_void, f64) -> f64;
type Kernel = unsafe extern "C" fn(*const c_void, f64, f64, f64) -> f64;
type Breakpoints = unsafe extern "C" fn(*const c_void, *mut Breakpoint, usize) -> usize;

#[repr(C)]
pub struct Activation {
    struct_size: u32,
    derivative: u32, // 0 absent, 1 written by hand, 2 automatic
    required_features: u64,
    name: *const c_char,
    summary: *const c_char,
    formula: *const c_char,
    version: *const c_char,
    author: *const c_char,
    license: *const c_char,
    reference: *const c_char,
    parameters: *const &'static Parameter,
    parameter_count: usize,
    create: Option<Create>,
    destroy: Option<Destroy>,
    r#fn: Option<Function>,
    nngp_fn: Option<Kernel>,
    d_nngp_fn: Option<Kernel>,
    d_fn: Option<Function>,
    breakpoints: Option<Breakpoints>,
    tile_f64: *const c_void, // null: nngp loops over the scalar functions
    tile_f32: *const c_void,
    get_extension: *const c_void,
}

#[repr(C)]
pub struct Plugin {
    magic: u32,
    struct_size: u32,
    abi_major: u32,
    abi_minor: u32,
    required_features: u64,
    name: *const c_char,
    version: *const c_char,
    activations: *const &'static Activation,
    activation_count: usize,
}

// Nothing ever writes to them.
unsafe impl Sync for Parameter {}
unsafe impl Sync for Activation {}
unsafe impl Sync for Plugin {}

const fn text(bytes: &'static [u8]) -> *const c_char {
    assert!(bytes[bytes.len() - 1] == 0);
    bytes.as_ptr() as *const c_char
}

// ---- The activation

struct Instance {
    scale: f64,
}

unsafe fn scale_of(instance: *const c_void) -> f64 {
    (*(instance as *const Instance)).scale
}

// nngp checks parameters against the table below, but others may call too.
unsafe extern "C" fn create(
    values: *const Value,
    count: usize,
    error: *mut c_char,
    error_size: usize,
) -> *mut c_void {
    if count == 1 && (*values).count == 1 && (*(*values).data).is_finite() {
        let scale = *(*values).data;
        return Box::into_raw(Box::new(Instance { scale })) as *mut c_void;
    }
    let reason = b"scale must be one finite number";
    if !error.is_null() && error_size > 0 {
        let length = reason.len().min(error_size - 1);
        std::ptr::copy_nonoverlapping(reason.as_ptr(), error as *mut u8, length);
        *error.add(length) = 0;
    }
    std::ptr::null_mut()
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    drop(Box::from_raw(instance as *mut Instance));
}

unsafe extern "C" fn function(instance: *const c_void, x: f64) -> f64 {
    scale_of(instance) * x * x * x
}

unsafe extern "C" fn d_function(instance: *const c_void, x: f64) -> f64 {
    3.0 * scale_of(instance) * x * x
}

// E[x1^3 x2^3] = 9 var1 var2 cov12 + 6 cov12^3 for Gaussian x1, x2 of mean 0 (Isserlis).
unsafe extern "C" fn nngp_fn(instance: *const c_void, cov12: f64, var1: f64, var2: f64) -> f64 {
    let scale = scale_of(instance);
    scale * scale * cov12 * (9.0 * var1 * var2 + 6.0 * cov12 * cov12)
}

unsafe extern "C" fn d_nngp_fn(instance: *const c_void, cov12: f64, var1: f64, var2: f64) -> f64 {
    let scale = scale_of(instance);
    scale * scale * (9.0 * var1 * var2 + 18.0 * cov12 * cov12)
}

// None: fn is smooth.
unsafe extern "C" fn breakpoints(_: *const c_void, _: *mut Breakpoint, _: usize) -> usize {
    0
}

// ---- What a host reads from the file, before it runs any of it

static DEFAULT: f64 = 1.0;
static SCALE: Parameter = Parameter {
    struct_size: std::mem::size_of::<Parameter>() as u32,
    kind: 0,
    name: text(b"scale\0"),
    summary: text(b"factor of the output\0"),
    default_value: &DEFAULT,
    default_count: 1,
    minimum: f64::NEG_INFINITY,
    maximum: f64::INFINITY,
    flags: 0,
    reserved: 0,
};
static PARAMETERS: [&Parameter; 1] = [&SCALE];

static ACTIVATION: Activation = Activation {
    struct_size: std::mem::size_of::<Activation>() as u32,
    derivative: 1,
    required_features: 0,
    name: text(b"Cubic\0"),
    summary: text(b"Third power\0"),
    formula: text(b"scale x^3\0"),
    version: text(b"1.0\0"),
    author: text(b"You\0"),
    license: text(b"MIT\0"),
    reference: text(b"Isserlis, Biometrika 12, 1918\0"),
    parameters: PARAMETERS.as_ptr(),
    parameter_count: 1,
    create: Some(create),
    destroy: Some(destroy),
    r#fn: Some(function),
    nngp_fn: Some(nngp_fn),
    d_nngp_fn: Some(d_nngp_fn),
    d_fn: Some(d_function),
    breakpoints: Some(breakpoints),
    tile_f64: null(),
    tile_f32: null(),
    get_extension: null(),
};
static ACTIVATIONS: [&Activation; 1] = [&ACTIVATION];

#[no_mangle]
#[allow(non_upper_case_globals)]
pub static nngp_plugin_entry: Plugin = Plugin {
    magic: 0x50474E4E,
    struct_size: std::mem::size_of::<Plugin>() as u32,
    abi_major: 1,
    abi_minor: 1,
    required_features: 0,
    name: text(b"cubic\0"),
    version: text(b"1.0\0"),
    activations: ACTIVATIONS.as_ptr(),
    activation_count: 1,
};
