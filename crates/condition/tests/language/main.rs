//! The language as its users see it: the conformance cases, what each operator means, and
//! properties that hold for all conditions.

#[cfg(test)]
mod allocation;
#[cfg(test)]
mod compile_cases;
#[cfg(test)]
mod function_cases;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod operators;
#[cfg(test)]
mod parse_cases;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod support;
#[cfg(test)]
mod transformers;
