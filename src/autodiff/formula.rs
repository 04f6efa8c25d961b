//! Formulas: derivatives written as arithmetic on tensors and emitted as nodes.
//!
//! Owns the notation. What appears twice in a formula is computed once. Must not know which derivative it writes.

use std::collections::HashMap;
use std::ops::{Add, Div, Mul, Neg, Sub};
use std::rc::Rc;

use super::backward::Backward;
use crate::onnx::DataType;
use crate::onnx::build::Attr;

/// An expression over tensors, broadcasting as ONNX does. Cheap to clone.
#[derive(Clone)]
pub(super) struct Formula(Rc<Term>);

enum Term {
    Tensor(String),
    Number(f32),
    Apply { op: &'static str, operands: Vec<Formula>, attributes: Vec<(&'static str, Attr<'static>)> },
}

impl Formula {
    /// A tensor by name.
    pub fn tensor(name: &str) -> Self {
        Self(Rc::new(Term::Tensor(name.to_owned())))
    }

    fn apply(op: &'static str, operands: Vec<Self>, attributes: Vec<(&'static str, Attr<'static>)>) -> Self {
        Self(Rc::new(Term::Apply { op, operands, attributes }))
    }

    /// A function of this alone.
    pub fn map(&self, op: &'static str) -> Self {
        Self::apply(op, vec![self.clone()], Vec::new())
    }

    /// A function of this and another.
    pub fn with(&self, op: &'static str, other: impl Into<Self>) -> Self {
        Self::apply(op, vec![self.clone(), other.into()], Vec::new())
    }

    /// 1 where a comparison with another holds, else 0.
    pub fn is(&self, comparison: &'static str, other: impl Into<Self>) -> Self {
        self.with(comparison, other).float()
    }

    /// As 32-bit floats.
    pub fn float(&self) -> Self {
        Self::apply("Cast", vec![self.clone()], vec![("to", Attr::Int(DataType::Float as i64))])
    }

    /// min(max(alpha · this + beta, 0), 1).
    pub fn hard_sigmoid(&self, alpha: f32, beta: f32) -> Self {
        let slope = vec![("alpha", Attr::Float(alpha)), ("beta", Attr::Float(beta))];
        Self::apply("HardSigmoid", vec![self.clone()], slope)
    }

    /// The sum over some axes, a tensor of integers, which are kept with size 1.
    pub fn sum(&self, axes: &Self) -> Self {
        Self::apply("ReduceSum", vec![self.clone(), axes.clone()], vec![("keepdims", Attr::Int(1))])
    }

    /// The square.
    pub fn squared(&self) -> Self {
        self.clone() * self.clone()
    }
}

impl From<f32> for Formula {
    fn from(number: f32) -> Self {
        Self(Rc::new(Term::Number(number)))
    }
}

impl Neg for Formula {
    type Output = Self;

    fn neg(self) -> Self {
        self.map("Neg")
    }
}

macro_rules! arithmetic {
    ($($trait:ident $method:ident),*) => {$(
        impl<T: Into<Formula>> $trait<T> for Formula {
            type Output = Self;

            fn $method(self, other: T) -> Self {
                self.with(stringify!($trait), other)
            }
        }

        impl $trait<Formula> for f32 {
            type Output = Formula;

            fn $method(self, other: Formula) -> Formula {
                Formula::from(self).with(stringify!($trait), other)
            }
        }
    )*};
}

arithmetic!(Add add, Sub sub, Mul mul, Div div);

impl Backward<'_> {
    /// Emits a formula and returns the name of its value.
    pub fn write(&mut self, formula: &Formula) -> String {
        self.write_once(formula, &mut HashMap::new())
    }

    fn write_once(&mut self, formula: &Formula, written: &mut HashMap<*const Term, String>) -> String {
        let key = Rc::as_ptr(&formula.0);
        if let Some(name) = written.get(&key) {
            return name.clone();
        }
        let name = match &*formula.0 {
            Term::Tensor(name) => name.clone(),
            Term::Number(number) => self.builder.scalar(*number),
            Term::Apply { op, operands, attributes } => {
                let operands: Vec<String> = operands.iter().map(|each| self.write_once(each, written)).collect();
                let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
                self.emit(op, &operands, attributes)
            }
        };
        written.insert(key, name.clone());
        name
    }
}
