//! What serde needs to write and read an enum of settings through its checks.

/// The enum `$name`, a copy of `$checked` for serde. The conversion to `$checked` checks the number.
macro_rules! numbered {
    ($name:ident from $checked:path { $($unit:ident),* ; $($variant:ident),* }) => {
        #[derive(Clone, Serialize, Deserialize)]
        pub(crate) enum $name {
            $($unit,)*
            $($variant(f64),)*
        }

        impl From<$checked> for $name {
            fn from(value: $checked) -> $name {
                use $checked as Checked;
                match value {
                    $(Checked::$unit => $name::$unit,)*
                    $(Checked::$variant(number) => $name::$variant(number),)*
                }
            }
        }

        impl TryFrom<$name> for $checked {
            type Error = String;

            fn try_from(value: $name) -> Result<Self, String> {
                use $checked as Checked;
                match value {
                    $($name::$unit => Checked::$unit,)*
                    $($name::$variant(number) => Checked::$variant(number),)*
                }
                .check()
            }
        }
    };
}

pub(crate) use numbered;
