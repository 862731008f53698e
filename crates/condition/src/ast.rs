//! The tree of a condition: as written, with the place of everything in the text.

use crate::span::Span;

/// A condition, or a part of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands. An `and` begins where its first operand does; an `or` begins where the
    /// parser began to look for it, before any blanks.
    pub span: Span,
}

/// What an [`Expr`] is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExprKind {
    /// At least two operands, all of which must hold.
    And(Vec<Expr>),
    /// At least two operands, one of which must hold.
    Or(Vec<Expr>),
    /// The operand must not hold.
    Not(Box<Expr>),
    /// The name of a macro, replaced by [`expand_macros`](crate::expand_macros).
    Macro(String),
    /// A test of a field.
    Check(Box<Check>),
    /// A place where the text could not be understood; the error says why. Only
    /// [`parse_recovering`](crate::parse_recovering) leaves holes.
    Hole,
}

/// A test of a field: `proc.name = cat`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// What is tested.
    pub left: Operand,
    /// How.
    pub operator: Operator,
    /// Where the operator stands.
    pub operator_span: Span,
    /// What it is compared with.
    pub right: Right,
}

/// The right-hand side of a check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Right {
    /// None: `exists`.
    Nothing,
    /// One constant.
    Value(Literal),
    /// The constants after `in`, `intersects` or `pmatch`.
    Values(Values),
    /// The constants after `oneof`, `anyof` or `allof`.
    Quantified(Quantifier, Values),
    /// `val(field)`, as [`OperandKind::Field`], or a transformer.
    Operand(Operand),
}

/// Several constants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Values {
    /// What they are.
    pub kind: ValuesKind,
    /// Where they stand.
    pub span: Span,
}

/// What [`Values`] are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ValuesKind {
    /// Written out: `(a, b)`.
    List(Vec<Literal>),
    /// The name of a list.
    Named(String),
}

/// A constant. Its meaning depends on the type of the field it is compared with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Literal {
    /// The text without quotes, with escapes resolved; `\x` escapes can make any byte.
    pub bytes: Vec<u8>,
    /// Where it stands, with quotes.
    pub span: Span,
}

/// Something that has a value in an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operand {
    /// What it is.
    pub kind: OperandKind,
    /// Where it stands.
    pub span: Span,
}

/// What an [`Operand`] is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OperandKind {
    /// A field.
    Field(FieldRef),
    /// A transformer with its arguments.
    Call(Call),
    /// A constant; only as an argument of a transformer.
    Constant(Vec<u8>),
    /// A list; only as an argument of a transformer.
    List(Vec<Operand>),
}

/// A field with its argument: `proc.aname[2]`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FieldRef {
    /// The name, with dots.
    pub name: String,
    /// The text between the brackets, without quotes.
    pub argument: Option<String>,
}

/// A transformer with its arguments: `join(",", (proc.name, proc.pid))`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// Which one.
    pub transformer: Transformer,
    /// At least one; how many are right is for the compiler to say.
    pub arguments: Vec<Operand>,
    /// The text between the brackets after it; only `getopt` takes one.
    pub selector: Option<String>,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// As it is written in a condition.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The one that is written so.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

words! {
    /// How a check compares. `==` is another spelling of `=`.
    Operator {
        /// The field has a value.
        Exists = "exists",
        /// Equal; on several candidates, one of them.
        Eq = "=",
        /// Not equal; on several candidates, none of them is.
        Ne = "!=",
        /// Less.
        Lt = "<",
        /// Less or equal.
        Le = "<=",
        /// Greater.
        Gt = ">",
        /// Greater or equal.
        Ge = ">=",
        /// Contains.
        Contains = "contains",
        /// Contains, whatever the case of ASCII letters.
        IContains = "icontains",
        /// Contains the bytes written in hexadecimal.
        BContains = "bcontains",
        /// Begins with.
        StartsWith = "startswith",
        /// Begins with the bytes written in hexadecimal.
        BStartsWith = "bstartswith",
        /// Ends with.
        EndsWith = "endswith",
        /// Matches a shell pattern; `*` also matches `/`.
        Glob = "glob",
        /// Matches a shell pattern, whatever the case.
        IGlob = "iglob",
        /// Matches a regular expression as a whole.
        Regex = "regex",
        /// Is one of; on a list, all of its values are.
        In = "in",
        /// Is one of; on a list, at least one of its values is.
        Intersects = "intersects",
        /// Is one of the paths or lies below one.
        PMatch = "pmatch",
    }
}

words! {
    /// How many of the constants on the right must satisfy a check.
    Quantifier {
        /// Exactly one.
        OneOf = "oneof",
        /// At least one.
        AnyOf = "anyof",
        /// All, of at least one.
        AllOf = "allof",
    }
}

words! {
    /// A function of field values.
    Transformer {
        /// ASCII letters to lower case.
        ToLower = "tolower",
        /// ASCII letters to upper case.
        ToUpper = "toupper",
        /// Decodes base 64.
        Base64 = "b64",
        /// The part of a path after the last slash.
        BaseName = "basename",
        /// How many values a list has, or bytes a text.
        Len = "len",
        /// The values of a list as one text.
        Join = "join",
        /// Texts one after another.
        Concat = "concat",
        /// Command-line options.
        GetOpt = "getopt",
    }
}

impl Operator {
    /// Whether the right-hand side is a list (`in`, `intersects`, `pmatch`).
    pub fn takes_list(self) -> bool {
        matches!(self, Self::In | Self::Intersects | Self::PMatch)
    }

    /// Whether a literal on the right-hand side must be a number (`<`, `<=`, `>`, `>=`).
    pub fn orders(self) -> bool {
        matches!(self, Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }

    /// Whether `oneof`, `anyof` and `allof` may follow.
    pub fn takes_quantifier(self) -> bool {
        !(self.takes_list() || self.orders() || self == Self::Exists)
    }
}

impl Expr {
    /// Calls `visit` for each check, in the order of the text.
    pub fn for_each_check<'a>(&'a self, visit: &mut dyn FnMut(&'a Check)) {
        match &self.kind {
            ExprKind::And(operands) | ExprKind::Or(operands) => {
                for operand in operands {
                    operand.for_each_check(visit);
                }
            }
            ExprKind::Not(operand) => operand.for_each_check(visit),
            ExprKind::Check(check) => visit(check),
            ExprKind::Macro(_) | ExprKind::Hole => {}
        }
    }

    /// Calls `visit` for the name of each macro, in the order of the text.
    pub fn for_each_macro<'a>(&'a self, visit: &mut dyn FnMut(&'a str, Span)) {
        match &self.kind {
            ExprKind::And(operands) | ExprKind::Or(operands) => {
                for operand in operands {
                    operand.for_each_macro(visit);
                }
            }
            ExprKind::Not(operand) => operand.for_each_macro(visit),
            ExprKind::Macro(name) => visit(name, self.span),
            ExprKind::Check(_) | ExprKind::Hole => {}
        }
    }

    /// Calls `visit` for each field, on both sides and inside transformers, in the order of the
    /// text.
    pub fn for_each_field<'a>(&'a self, visit: &mut dyn FnMut(&'a FieldRef, Span)) {
        self.for_each_check(&mut |check| {
            check.left.for_each_field(visit);
            if let Right::Operand(operand) = &check.right {
                operand.for_each_field(visit);
            }
        });
    }
}

impl Operand {
    /// Calls `visit` for each field in it, in the order of the text.
    pub fn for_each_field<'a>(&'a self, visit: &mut dyn FnMut(&'a FieldRef, Span)) {
        match &self.kind {
            OperandKind::Field(field) => visit(field, self.span),
            OperandKind::Call(call) => {
                for argument in &call.arguments {
                    argument.for_each_field(visit);
                }
            }
            OperandKind::List(items) => {
                for item in items {
                    item.for_each_field(visit);
                }
            }
            OperandKind::Constant(_) => {}
        }
    }
}
