//! Scores of a draw, and their spread over several.

/// Defines the figures of one draw, with a function `spread` for the spread of each over several
/// draws. A figure is `None` if there was nothing to count.
macro_rules! scores {
    ($(#[$about:meta])* pub struct $name:ident { $($(#[$figure:meta])* pub $field:ident,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
        pub struct $name<T = Option<f64>> {
            $($(#[$figure])* pub $field: T,)*
        }

        impl $name {
            /// The spread of each score over several draws.
            pub(crate) fn spread(draws: &[Self]) -> $name<Option<$crate::field::Spread>> {
                let spread = |of: fn(&Self) -> Option<f64>| {
                    $crate::field::Spread::of(&draws.iter().filter_map(of).collect::<Vec<f64>>())
                };
                $name { $($field: spread(|draw| draw.$field),)* }
            }
        }
    };
}

pub(crate) use scores;
