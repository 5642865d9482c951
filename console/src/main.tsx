// main.tsx - the page begins here

import 'antd/dist/antd.css';
import './console.css';

import { createRoot } from 'react-dom/client';

import { Root } from './root';

createRoot(document.getElementById('root')!).render(<Root />);
