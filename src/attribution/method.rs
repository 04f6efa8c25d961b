//! The methods there are.

use crate::choice::choice;

choice! {
    /// A method of attribution.
    pub enum MethodId {
        /// ∂F/∂x (Simonyan et al. 2014).
        Gradient = "gradient",
        /// x ⊙ ∂F/∂x (Shrikumar et al. 2016).
        GradientInput = "gradient-x-input",
        /// Class activation map, Σ_k w_k A^k (Zhou et al. 2016).
        Cam = "cam",
        /// Gradient-weighted class activation map (Selvaraju et al. 2017).
        GradCam = "grad-cam",
        /// Integrated Gradients (Sundararajan et al. 2017).
        IntegratedGradients = "integrated-gradients",
    }
}

impl MethodId {
    /// The method of a network where none is chosen: Grad-CAM, or what needs no layer where it has none to look at.
    pub const fn usual(default_layer: Option<usize>) -> Self {
        if default_layer.is_some() { Self::GradCam } else { Self::Gradient }
    }

    /// The name as people write it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Gradient => "Gradient",
            Self::GradientInput => "Gradient × Input",
            Self::Cam => "CAM",
            Self::GradCam => "Grad-CAM",
            Self::IntegratedGradients => "Integrated Gradients",
        }
    }

    /// Whether the method looks at a layer that can be chosen.
    pub const fn takes_layer(self) -> bool {
        matches!(self, Self::GradCam)
    }

    /// Whether the attribution has the size of a layer's feature maps instead of the input's.
    pub const fn is_layer_map(self) -> bool {
        matches!(self, Self::Cam | Self::GradCam)
    }
}
